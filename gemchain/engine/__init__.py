"""The engine: the stages of a batch, the policy, and what they work with.

```
stage     reads                    does                                   leaves
assemble  ready prompts            claims them, writes the input file     batch WRITTEN
launch    batch WRITTEN            finds or creates the provider job      batch SENT
collect   batch SENT               asks the provider, splits the output   batch ARRIVED, parts WAITING
dispatch  part WAITING             runs callbacks, commits in groups      prompts DONE + children, part DONE
sweep     everything               finds what a crash left half-way       what the stage would have left
```

Every stage is one plain function over the ports, in `stages/`. It is safe to run twice, at the same time, or
never. Stages do not import each other; they meet in the store. `drive` runs them in one process.

What serves the stages:

- `policy/`: when to send a queue, and what that rests on.
- `batches/`: the input file of a batch, eager batching, leases, provider outages.
- `rows/`: rows of an output, and the prompts that they belong to.
- `answers/`: what an answer does to its prompt: callback, replay, state transition.
- `endings/`: how batches, joins and chains end.
- `operations/`: what a person asks for: retention, replay check, cancelling a batch.
- `callback_retries`: callbacks that raised, run again on the answers that were kept.
"""
