"""The real engine over faulty ports, in virtual time, everything from one seed.

```
world       one seed's run: chaos, then calm, then the final look
scheduler   simulated processes, virtual time, who runs next and who dies
swarm       which faults a seed draws, and how often
ports       store, blobs, waker and clock of one process, with faults
service     a batch service that loses, doubles, mangles and forgets
checker     safety, on every write
plans       random chains; callbacks runs them; model says what must come out
users       people: start, start again, cancel, retry, deploy
mutants     engines broken on purpose, to see that somebody notices
```
`python -m tests.simulation --seeds 5000` runs many, `--seed N --trace` replays one.
"""
