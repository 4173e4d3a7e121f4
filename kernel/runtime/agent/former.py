"""What the last life of an agent left in its store, looked at before the agent starts.

Only to refuse a start that `--reconfiguration-policy` forbids, with a sentence instead of a trace.
"""

from pathlib import Path

from kernel.agent import reconfiguration
from kernel.messages.codec import Malformed
from kernel.runtime.agent.config import AgentConfig
from kernel.runtime.agent.host import agent_info
from kernel.store import open_store
from kernel.store.interface import Records, StoreError

STORE_FILE = "agent.sqlite"


def problem_with_change(config: AgentConfig) -> str | None:
    """What changed against the last start and may not, or None."""
    if config.reconfiguration_policy is reconfiguration.Policy.ANY:
        return None
    work_dir = Path(config.work_dir).absolute()
    file = work_dir / "meta" / STORE_FILE
    if not file.exists():
        return None
    try:
        before = reconfiguration.configured(_load(file))
    except (StoreError, Malformed):
        return None  # another agent holds it, or it is broken: the start says that better
    after = agent_info(config, work_dir)
    return reconfiguration.problem(config.reconfiguration_policy, before, after)


def _load(file: Path) -> Records:
    store = open_store(f"sqlite:///{file}", "agent")
    try:
        store.lead("a look before the start")
        return store.load()
    finally:
        store.close()
