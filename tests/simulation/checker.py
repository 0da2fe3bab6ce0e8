"""Safety, checked on every write against a model of all records.

`CheckedStore` stands between the faults and the real store: it sees exactly what was applied, whatever
the caller was told. The model is a copy of what was last seen; every write is compared with it.

Longer than 300 lines: the promises share one model of all records.
"""

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta

from gemchain.records import Verdict
from gemchain.records.identity import branch_id, child_id, job_name, join_id, keyed_child_id, placed_id
from gemchain.records.lanes import is_own
from gemchain.records.states import (
    BATCH_MOVES,
    CHAIN_MOVES,
    PROMPT_MOVES,
    UNFINISHED_PROMPT,
    BatchState,
    ChainState,
    PartState,
    PromptState,
)
from tests.simulation.scheduler import Violation
from tests.simulation.service import asked_text

P = PromptState
OPEN = UNFINISHED_PROMPT


class Checker:
    """The model, and the rules.

    Attributes:
        cancelled: Chains that were cancelled.
        quiet: Cancelled chains whose cancelling has returned: nothing of them may move any more.
        winners: For each handled prompt, the nodes it declared and the run that did.
        texts: What each prompt asks.
        counts: How many branches each join has.
        resumed: What a person said to each wait.
        ends: All ends that a chain had, as the one who awaits it is told.
    """

    def __init__(self, world):
        self.world = world
        self.prompts = {}
        self.chains = {}
        self.batches = {}
        self.parts = {}
        self.tokens = set()
        self.open = {}
        self.held = {}
        self.cancelled = set()
        self.quiet = set()
        self.winners = {}
        self.texts = {}
        self.counts = {}
        self.resumed = {}
        self.ends = {}
        self.keys = {}
        self.answers = {}
        self.creates = Counter()
        self.fenced = {}
        self.late = Counter()
        self.inputs = {}
        self.released = Counter()
        self.by_holder = Counter()
        self.holders = {}
        self.claims = Counter()
        self.retries = Counter()

    def demand(self, holds, rule, detail):
        """Break off the run unless `holds`."""
        if not holds:
            raise Violation(rule, detail)

    # Prompts and chains

    def on_commit(self, units, verdicts):
        """Units were committed; `verdicts` is None when the call raised."""
        store = self.world.store
        moved = [move.prompt.id for unit in units for move in unit.moves]
        self.demand(len(moved) == len(set(moved)), "no two units of a commit share a prompt", moved)
        unknown = [name for name in moved if name not in self.prompts]
        self.demand(not unknown, "no prompt comes from nowhere", unknown)
        drafted = [draft.prompt.id for unit in units for draft in unit.drafts]
        prompts = store.prompts([*moved, *drafted]) if moved or drafted else {}
        ids = [u.chain.id for u in units if u.chain] + [u.ending.chain_id for u in units if u.ending]
        chains = store.chains(ids) if ids else {}
        for place, unit in enumerate(units):
            applied = self._applied(unit, prompts, chains)
            if applied:
                self._on_unit(unit, prompts, chains)
            if verdicts is not None:
                told = verdicts[place] is Verdict.APPLIED
                self.demand(told == (unit.token in self.tokens), "a verdict is true", (unit.token, told))

    def _applied(self, unit, prompts, chains):
        """Whether the unit took effect just now: all of it, or nothing."""
        effects = [
            move.prompt.id in prompts
            and prompts[move.prompt.id].version != self.prompts[move.prompt.id].version
            for move in unit.moves
        ]
        effects += [d.prompt.id in prompts and d.prompt.id not in self.prompts for d in unit.drafts]
        if unit.chain is not None:
            effects.append(unit.chain.id in chains and unit.chain.id not in self.chains)
        elif unit.ending is not None:
            known = self.chains.get(unit.ending.chain_id)
            effects.append(known is not None and chains[unit.ending.chain_id].version != known.version)
        self.demand(all(effects) or not any(effects), "a unit happens whole or not at all", unit)
        return any(effects)

    def _on_unit(self, unit, prompts, chains):
        self.demand(unit.token not in self.tokens, "a token counts once", unit.token)
        self.tokens.add(unit.token)
        for move in unit.moves:
            self._on_move(unit, self.prompts[move.prompt.id], prompts[move.prompt.id])
        for draft in unit.drafts:
            self._note(draft)
        for index, draft in enumerate(_children(unit)):
            self._on_draft(unit, index, prompts[draft.prompt.id])
        for draft in unit.drafts:
            if _is_branch(unit, draft):
                self._on_branch(prompts[draft.prompt.id])
            if draft.prompt.progress.state is P.CLAIMED:
                self._on_member(prompts[draft.prompt.id])
        if unit.chain is not None:
            self._on_birth(chains[unit.chain.id])
        if unit.ending is not None:
            self._on_chain(chains[unit.ending.chain_id])

    def _on_move(self, unit, before, after):
        was, now = before.progress, after.progress
        name = after.id
        self.demand(
            now.state in PROMPT_MOVES[was.state], "moves are in the table", (name, was.state, now.state)
        )
        self.demand(
            replace(after, progress=was, version=0) == replace(before, version=0),
            "what was asked never changes",
            name,
        )
        self._check_answer(name, was, now)
        if after.kind == "wait":
            self._check_word(name, was, now)
        released = was.state is P.CLAIMED and now.state not in (P.CANCELLED, P.PARKED)
        if released and now.answer is None and now.failure is not None:
            self._check_released(name, was.batch_id, now.failure)
        if was.state is P.CLAIMED and now.state is P.QUEUED:
            self.demand(now.attempt == was.attempt + 1, "each send is counted", (name, now.attempt))
            self.demand(now.attempt <= after.max_attempts, "no more sends than allowed", (name, now.attempt))
        if now.state in (P.FAILED, P.PARKED):
            self.demand(now.failure and now.failure.message, "no silent end", name)
        if was.state in (P.FAILED, P.PARKED) and now.state is P.QUEUED:
            self.retries[name] += 1
        if unit.drafts:
            self.demand(now.state is P.DONE, "children come with their parent's end", (name, now.state))
        if now.state is P.DONE:
            self._on_handled(unit, after)
        if after.kind == "join" and now.state in (P.DONE, P.FAILED, P.ANSWERED):
            self._check_join(after)
        if name in self.held.get(was.batch_id, ()):
            self.held[was.batch_id].discard(name)
        self._see(after)

    def _check_answer(self, name, was, now):
        if was.answer is not None and now.answer != was.answer:
            self.demand(
                now.state is P.QUEUED, "an accepted answer never changes", (name, was.answer, now.answer)
            )
        if now.answer is None or was.answer is not None:
            return
        self.demand(
            was.state is P.CLAIMED and f"/{was.batch_id}/" in now.answer.uri,
            "only the batch that holds a prompt may answer it",
            (name, was.batch_id, now.answer.uri),
        )
        holder = self.answers.setdefault(now.answer, name)
        self.demand(holder == name, "a row answers one prompt", (name, holder, now.answer))
        text = self.world.service.row_of.get((now.answer.uri, now.answer.offset))
        wanted = self.texts[name]
        self.demand(text == wanted, "a row answers the prompt that asked", (name, wanted, text))

    def _check_released(self, name, batch_id, failure):
        """A prompt gets no answer from its batch only if no row of the known output has one for it.

        A service that denies a job and delivers it later is not held to that: two processes may hear both.
        """
        if failure.reason not in ("missing", "job"):
            return
        text, service = self.texts[name], self.world.service
        asked = [each for each in self.inputs[batch_id] if self.texts[each] == text]
        rows = [row for file in self.batches[batch_id].output for row in service.answered[file.uri]]
        named = {prompt for answered, prompt in rows if answered == text and prompt in asked}
        self.demand(name not in named, "what is answered is used", (name, batch_id))
        self.released[batch_id, text] += 1
        if text not in service.doubled:
            unkeyed = sum(answered == text and prompt is None for answered, prompt in rows)
            most = len(asked) - len(named) - unkeyed
            unused = self.released[batch_id, text] <= most
            self.demand(unused, "what is answered is used", (name, batch_id, text))

    def _check_word(self, name, was, now):
        """A wait goes on once, with what one person said."""
        if was.state is P.WAITING and now.state is P.ANSWERED:
            self.demand(name not in self.resumed, "a wait is resumed once", name)
            said = json.loads(now.result)["value"]
            self.demand(said in self.world.said, "a wait goes on with what was said", (name, said))
            self.resumed[name] = said
        elif was.result is not None and now.state in (P.ANSWERED, P.PARKED, P.FAILED):
            self.demand(now.result == was.result, "what a person said is kept", (name, was, now))
        if now.state is P.WAITING:
            self.resumed.pop(name, None)

    def _on_handled(self, unit, after):
        world = self.world
        if after.durable:
            return  # what a program awaits is compared as a whole, in the end
        children = tuple(world.node_of(draft.prompt).id for draft in _children(unit))
        value = unit.ending.result if unit.ending else after.progress.result
        read = json.loads(value) if value else None
        self.winners[after.id] = (children, read.get("run", 0) if isinstance(read, dict) else 0)
        if after.callback is not None or after.progress.failure is not None:
            runs = world.declared.get(after.id, [])
            self.demand(children in runs, "children are those of one run", (after.id, children, runs))

    def _on_draft(self, unit, index, prompt):
        chain = self.chains.get(prompt.chain_id) or unit.chain
        self.demand(
            chain is None or prompt.owner == chain.owner,
            "a prompt belongs to the owner of its chain",
            (prompt.id, prompt.owner, chain and chain.owner),
        )
        parents = [move.prompt.id for move in unit.moves]
        parent = prompt.parent_id
        self.demand(
            parents == [parent] if parent else unit.chain is not None,
            "children come with their parent's end",
            (prompt.id, parent, parents),
        )
        base = parent or prompt.chain_id
        keyed = prompt.key and parent and prompt.kind == "generate"
        wanted = keyed_child_id(base, prompt.key) if keyed else child_id(base, index)
        wanted = join_id(base, index) if prompt.kind == "join" else wanted
        if prompt.durable:
            wanted = placed_id("j" if prompt.kind == "join" else "p", prompt.chain_id, prompt.path)
        self.demand(prompt.id == wanted, "ids of children are derived", (prompt.id, wanted))
        chain = self.chains.get(prompt.chain_id)
        over = chain is not None and chain.state is ChainState.CANCELLED
        # A join has others around it: cancelling reaches them one after the other.
        linear = over and parent and not self.prompts[parent].forked and self.prompts[parent].kind != "join"
        self.demand(not linear and prompt.chain_id not in self.quiet, "nothing new after a cancel", prompt.id)
        self._see(prompt)

    def _note(self, draft):
        request = json.loads(draft.request)
        if draft.prompt.kind == "generate":
            self.texts[draft.prompt.id] = asked_text(request)
        if draft.prompt.kind == "join":
            self.counts[draft.prompt.id] = request["branches"]

    def _on_branch(self, prompt):
        wanted = branch_id(prompt.join_id, prompt.branch)
        self.demand(prompt.id == wanted, "ids of branches are derived", (prompt.id, wanted))
        self.demand(prompt.chain_id not in self.quiet, "nothing new after a cancel", prompt.id)
        self._see(prompt)

    def _check_join(self, join):
        """A join goes on only when every branch is there, and has ended."""
        members = [each for each in self.prompts.values() if each.join_id == join.id]
        left = [each.id for each in members if each.progress.state in OPEN]
        self.demand(not left, "a join waits for all its branches", (join.id, left))
        begun = {each.branch for each in members}
        count = self.counts[join.id]
        self.demand(begun == set(range(count)), "a join waits for all its branches", (join.id, begun, count))

    def _see(self, prompt):
        self.prompts[prompt.id] = prompt
        family = self.open.setdefault(prompt.chain_id, set())
        if prompt.progress.state in OPEN:
            family.add(prompt.id)
        else:
            family.discard(prompt.id)

    def _on_birth(self, chain):
        self.demand(chain.id not in self.chains, "a chain is born once", chain.id)
        if chain.key is not None:
            named = (chain.function.partition("@")[0], chain.key)
            holder = self.keys.setdefault(named, chain.id)
            self.demand(holder == chain.id, "a key names one chain", (named, holder, chain.id))
        self.chains[chain.id] = chain
        self._note_end(chain)

    def _on_chain(self, after):
        before = self.chains[after.id]
        rule = "moves are in the table"
        self.demand(after.state in CHAIN_MOVES[before.state], rule, (after.id, before.state, after.state))
        left = self.open.get(after.id)
        if after.state is ChainState.DONE:
            self.demand(not left, "a chain that is DONE has nothing open", (after.id, left))
            self.demand(after.result is not None, "no silent end", after.id)
        if after.state is ChainState.FAILED:
            self.demand(after.failure and after.failure.message, "no silent end", after.id)
        if after.state is ChainState.CANCELLED:
            self.cancelled.add(after.id)
        self.chains[after.id] = after
        self._note_end(after)

    def _note_end(self, chain):
        ends = self.ends.setdefault(chain.id, [])
        if chain.state is ChainState.DONE:
            ends.append(["done", json.loads(chain.result)])
        elif chain.state is not ChainState.RUNNING:
            ends.append(["failed", chain.failure.reason if chain.failure else "cancelled"])

    def on_cancelled(self, chain_id):
        """`cancel` has returned to a person."""
        if self.chains[chain_id].state is ChainState.CANCELLED:
            left = self.open.get(chain_id)
            self.demand(not left, "nothing is open after a cancel", (chain_id, left))
            self.quiet.add(chain_id)

    # Batches and parts

    def on_claim(self, batch, rows):
        """Prompts were claimed."""
        self._check_priorities(batch, {row.prompt_id for row in rows})
        for name, after in self.world.store.prompts([row.prompt_id for row in rows]).items():
            was, now = self.prompts[name].progress, after.progress
            self.demand(was.state is P.QUEUED, "no prompt is claimed twice", (name, was.state, was.batch_id))
            self.demand(now.state is P.CLAIMED and now.batch_id == batch.id, "claimed by the batch", name)
            self._on_member(after)
            self._see(after)

    def _on_member(self, after):
        """A batch holds a prompt that nobody held: it was claimed, or born so."""
        name, batch = after.id, self.batches[after.progress.batch_id]
        self.demand(batch.state is BatchState.PLANNED, "only a planned batch takes prompts", (name, batch.id))
        self.demand(after.queue == batch.queue, "a batch is of one model", (name, batch.id))
        self.demand(after.chain_id not in self.quiet, "nothing new after a cancel", name)
        holder = None if after.join_id is None else self.prompts[after.join_id].progress.state
        # Cancelling reaches a join and its branches one after the other.
        waits = holder in (None, P.WAITING, P.CANCELLED)
        self.demand(waits, "nothing is sent for a join that has gone on", (name, after.join_id))
        self.claims[name] += 1
        allowed = after.max_attempts * (1 + self.retries[name])
        self.demand(self.claims[name] <= allowed, "no more sends than allowed", (name, self.claims[name]))
        self.held.setdefault(batch.id, set()).add(name)
        self.holders.setdefault(name, []).append(batch.id)

    def _check_priorities(self, batch, claimed):
        """Nobody is left behind who should have gone first."""
        now = self.world.scheduler.time()
        ready = [
            each
            for each in self.prompts.values()
            if each.progress.state is P.QUEUED
            and each.queue == batch.queue
            and (each.progress.not_before_at or now) <= now
        ]
        lowest = min((each.priority for each in ready if each.id in claimed), default=9)
        passed = [each.id for each in ready if each.id not in claimed and each.priority > lowest]
        self.demand(not passed or not claimed, "higher priority goes first", passed)

    def on_batch(self, batch_id):
        """A batch was planned or saved."""
        after = self.world.store.batches([batch_id])[batch_id]
        before = self.batches.get(batch_id)
        self.batches[batch_id] = after
        if before is None:
            return
        if after.state is not before.state:
            rule = "moves are in the table"
            self.demand(after.state in BATCH_MOVES[before.state], rule, (batch_id, before.state, after.state))
        grown = after.output[: len(before.output)] == before.output
        self.demand(grown, "an output never changes, but grows", batch_id)
        once = len(set(after.output)) == len(after.output)
        self.demand(once, "a file of an output is known once", batch_id)
        held = self.held.get(batch_id)
        match after.state:
            case BatchState.WRITTEN if before.state is BatchState.PLANNED:
                self._check_input(after, held or set())
            case BatchState.SENT if is_own(after.lane):
                self._check_performed(before, after)
            case BatchState.SENT if before.state is BatchState.WRITTEN:
                job = self.world.service.named(after.job)
                named = job is not None and job.display == job_name(batch_id)
                self.demand(named, "a batch is sent as a job that exists", (batch_id, after.job))
            case BatchState.ARRIVED if before.state is BatchState.SENT:
                self._check_over(after)
            case BatchState.CLOSED | BatchState.FAILED:
                self.demand(not held, "a batch that is over holds nothing", (batch_id, held))
                left = [
                    p.id
                    for p in self.parts.values()
                    if p.batch_id == batch_id and p.state is not PartState.DONE
                ]
                self.demand(not left, "a batch that is over has no part left", (batch_id, left))

    def _check_performed(self, before, after):
        """A batch that we send ourselves has a new lease, or goes on under the old one."""
        if before.state is BatchState.ARRIVED:
            self.demand(after.lane != before.lane, "a batch comes back in another lane", after.id)
        if after.fence != before.fence:
            self.fenced[after.id, after.fence] = self.world.scheduler.now

    def on_asked(self, batch, name):
        """A single request is on its way."""
        world, now = self.world, self.world.scheduler.now
        held = self.held.get(batch.id, ())
        self.demand(name in held, "only what the batch holds is asked", (batch.id, name))
        begun = self.fenced[batch.id, batch.fence]
        for fence, at in world.requests.written.get((batch.id, name), ()):
            late = fence != batch.fence and at > begun
            self.demand(late, "what was answered is not asked again", (batch.id, name, fence, batch.fence))
        if self.late[batch.id]:
            return
        jobs = [each for each in world.service.jobs if each.batch_id == batch.id]
        running = [each.name for each in jobs if now < each.over_at]
        self.demand(not running, "nothing is asked while a job may answer it", (batch.id, name, running))
        rows = [row for file in self.batches[batch.id].output for row in world.service.answered[file.uri]]
        answered = any(prompt == name for _, prompt in rows)
        self.demand(not answered, "what was answered is not asked again", (batch.id, name))

    def _check_over(self, batch):
        """Only a job that is over, or that the service denies, has delivered everything.

        A batch that we send ourselves is over when every prompt that it holds has a row, or when it was
        cancelled.
        """
        if is_own(batch.lane):
            files = {file.uri for file in batch.output}
            rows = {name for uri in files for name in self.world.requests.rows.get(uri, ())}
            left = self.held.get(batch.id, set()) - rows
            self.demand(not left or batch.failure, "a batch arrives when all is answered", (batch.id, left))
            return
        job = self.world.service.named(batch.job)
        denied = batch.failure is not None and batch.failure.reason == "rejected"
        over = job is not None and self.world.scheduler.now >= job.over_at
        self.demand(over or denied, "a batch arrives when its job is over", (batch.id, batch.job))

    def _check_input(self, batch, held):
        world = self.world
        _, data = world.files.files[batch.input_uri]
        names = [json.loads(line)["key"] for line in data.splitlines()]
        self.demand(
            len(names) == len(set(names)) == batch.requests, "each prompt is sent once", (batch.id, names)
        )
        self.inputs[batch.id] = names
        self.demand(held <= set(names), "what is claimed is sent", (batch.id, held - set(names)))
        for name in names:
            prompt = self.prompts[name]
            self.demand(prompt.queue == batch.queue, "a batch is of one model", (batch.id, name))
            own = prompt.progress.batch_id == batch.id
            self.demand(own, "only what is claimed is sent", (batch.id, name))
        settings = world.shape.settings
        most = settings.max_batch_requests
        if not is_own(batch.lane):
            most = min(most, world.shape.job_requests)
        self.demand(0 < len(names) <= most, "batches stay within limits", (batch.id, len(names)))
        self.demand(
            len(data) <= settings.max_batch_bytes, "batches stay within limits", (batch.id, len(data))
        )

    def on_create(self, batch, job):
        """The service made a job.

        A process that slept through its lease cannot be kept from creating a job late: that is the
        price of a service without idempotent calls. Everybody else creates one job for a batch.
        """
        planned = self.batches[batch.id].state is BatchState.PLANNED
        self.demand(not planned, "only a written batch is sent", batch.id)
        self.demand(batch.create_at is not None, "a job is announced before it is created", batch.id)
        self.by_holder[batch.id, batch.fence] += 1
        alone = self.by_holder[batch.id, batch.fence] == 1
        self.demand(alone, "whoever holds a batch creates one job", (batch.id, batch.fence, job.name))
        silence = timedelta(seconds=self.world.shape.lag)
        if self.world.scheduler.time() > batch.leased_until_at - silence:
            self.late[batch.id] += 1
        else:
            self.creates[batch.id] += 1
            self.demand(self.creates[batch.id] == 1, "a batch is paid once", (batch.id, job.name))

    def check_bill(self, jobs):
        """No answer is on the bill more often than its prompt was sent: by one job a claim, and late ones."""
        bill = Counter(name for job in jobs for name in job.charged)
        for name, count in bill.items():
            allowed = sum(1 + self.late[batch_id] for batch_id in self.holders[name])
            self.demand(count <= allowed, "money stays within the sends", (name, count, allowed))

    def on_part(self, part):
        """A part was saved."""
        before = self.parts.get(part.id)
        if before is not None:
            self.demand(before.state is not PartState.DONE, "a part is done once", part.id)
        self.parts[part.id] = part

    def on_settled(self, settled):
        """The marks of prompts were cleared, of those that nobody had moved since they were read."""
        for name, after in self.world.store.prompts([each.id for each in settled]).items():
            before = self.prompts[name]
            read = next(each for each in settled if each.id == name)
            kept = read.version != before.version
            wanted = before.progress if kept else replace(before.progress, unsettled=False)
            self.demand(after.progress == wanted, "only a mark that was read is cleared", name)
            self.prompts[name] = after


def _is_branch(unit, draft):
    """Whether a draft begins a branch of a join that is born in the same unit."""
    born = {each.prompt.id for each in unit.drafts if each.prompt.kind == "join"}
    return draft.prompt.parent_id in born


def _children(unit):
    """The drafts of a unit without the beginnings of branches."""
    return [draft for draft in unit.drafts if not _is_branch(unit, draft)]


class CheckedStore:
    """The real store, each of whose writes is looked at.

    Args:
        owners: Whose work the holder does; None for everyone's.
    """

    def __init__(self, inner, checker, owners=None):
        self._inner = inner
        self._checker = checker
        self._owners = owners

    def owned_by(self, owners):
        """The view of these owners, each of whose writes must be work of theirs."""
        return CheckedStore(self._inner.owned_by(owners), self._checker, owners)

    def _is_served(self, found, what):
        strange = [] if self._owners is None else [each for each in found if each not in self._owners]
        self._checker.demand(not strange, "a process does the work of the owners it serves", (what, strange))

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def commit(self, units, *, into=()):
        self._is_served([move.prompt.owner for unit in units for move in unit.moves], "commit")
        verdicts = self._inner.commit(units, into=into)
        self._checker.on_commit(units, verdicts)
        return verdicts

    def plan(self, batch):
        self._is_served([batch.owner], "plan")
        stored = self._inner.plan(batch)
        self._checker.on_batch(batch.id)
        return stored

    def claim(self, batch, *, limit, max_bytes):
        rows = self._inner.claim(batch, limit=limit, max_bytes=max_bytes)
        self._checker.on_claim(batch, rows)
        return rows

    def save_batch(self, batch, *, parts=()):
        self._is_served([batch.owner], "save_batch")
        stored = self._inner.save_batch(batch, parts=parts)
        new = {part.id for part in parts}
        for part in self._inner.batch_parts(batch.id) if parts else ():
            if part.id in new:
                self._checker.on_part(part)
        self._checker.on_batch(batch.id)
        return stored

    def save_part(self, part):
        self._is_served([self._checker.batches[part.batch_id].owner], "save_part")
        stored = self._inner.save_part(part)
        self._checker.on_part(stored)
        return stored

    def settle(self, prompts):
        self._is_served([each.owner for each in prompts], "settle")
        self._inner.settle(prompts)
        self._checker.on_settled(prompts)
