"""The flow.

```
stage     reads                    does                                   leaves
assemble  ready prompts            claims them, writes the input file     batch WRITTEN
launch    batch WRITTEN            finds or creates the provider job      batch SENT
collect   batch SENT               asks the provider, splits the output   batch ARRIVED, parts WAITING
dispatch  part WAITING             runs callbacks, commits in groups      prompts DONE + children, part DONE
sweep     everything               finds what a crash left half-way       what the stage would have left
```

Every stage is one plain function over the ports, safe to run twice, at the same time, or never.
Stages do not import each other; they meet in the store. Beside them stand `policy` (when to send),
`outlook` (what it is told), `inputs` (the input file), `delivery` (what an answer does to its prompt),
`straight` (what callbacks submit and need not queue), `correlation` (which prompt a row belongs to),
`nameless` (whose a row is that does not say), `closing` (how batches and forked chains end), `revisit`
(callbacks that rest), `leases`, `lines`, and `drive`, which runs the stages in one process.
"""
