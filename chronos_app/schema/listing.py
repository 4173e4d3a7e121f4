"""Lists a job as Chronos listed it: the same keys in the same order, for either dialect.

A field that the dialect does not know but that the job has is added at the end, so that a tool
that compares its file with the listing finds all it sent. DIFFERS: `schedule` is as it was given,
where Chronos rewrites it at each run. Source: Chronos, JobSerializer.scala
(3.0.x and 2.4.0).
"""

from typing import Any

from chronos_app.schema.job import Counters, Dialect, Fetch, Job


def list_job(job: Job, counters: Counters, dialect: Dialect, disabled: bool) -> dict[str, Any]:
    """The job object of a listing."""
    v3 = dialect is Dialect.V3
    listed: dict[str, Any] = {"name": job.name, "command": job.command, "shell": job.shell}
    if not v3:
        listed["epsilon"] = job.epsilon
    listed |= {"executor": job.executor, "executorFlags": job.executor_flags}
    if v3:
        listed["taskInfoData"] = job.task_info_data
    listed |= {
        "retries": job.retries,
        "owner": job.owner,
        "ownerName": job.owner_name,
        "description": job.description,
    }
    if not v3:
        listed["async"] = job.is_async
    listed |= {
        "successCount": counters.success_count,
        "errorCount": counters.error_count,
        "lastSuccess": counters.last_success,
        "lastError": counters.last_error,
        "cpus": job.cpus,
        "disk": job.disk,
        "mem": job.mem,
        "disabled": disabled,
        "softError": job.soft_error,
        "dataProcessingJobType": job.data_processing,
        "errorsSinceLastSuccess": counters.errors_since_last_success,
    }
    if v3:
        listed["fetch"] = [_fetch(item) for item in job.files()]
    listed |= _rest(job, v3)
    return listed | _additions(job, v3)


def _rest(job: Job, v3: bool) -> dict[str, Any]:
    listed: dict[str, Any] = {
        "uris": [item.uri for item in job.files()],
        "environmentVariables": [
            {"name": variable.name, "value": variable.value} for variable in job.environment
        ],
        "arguments": list(job.arguments),
        "highPriority": job.high_priority,
        "runAsUser": job.run_as_user,
    }
    if v3:
        listed |= {"concurrent": job.concurrent, "maxCompletionTime": job.max_completion_time_s}
    if job.container is not None:
        listed["container"] = job.container
    listed["constraints"] = [[c.attribute, c.operator, c.value] for c in job.constraints]
    if job.is_dependent:
        listed["parents"] = list(job.parents)
    else:
        listed["schedule"] = job.schedule
        listed["scheduleTimeZone"] = job.schedule_time_zone
    return listed


def _additions(job: Job, v3: bool) -> dict[str, Any]:
    """What was sent on the other path, or is known to nobody here."""
    added: dict[str, Any] = {}
    if v3:
        if job.epsilon:
            added["epsilon"] = job.epsilon
        if job.is_async:
            added["async"] = True
    else:
        if job.fetch:
            added["fetch"] = [_fetch(item) for item in job.fetch]
        if job.task_info_data:
            added["taskInfoData"] = job.task_info_data
        if job.concurrent:
            added["concurrent"] = True
        if job.max_completion_time_s:
            added["maxCompletionTime"] = job.max_completion_time_s
    return added | job.extra


def _fetch(item: Fetch) -> dict[str, Any]:
    listed: dict[str, Any] = {
        "uri": item.uri,
        "executable": item.executable,
        "cache": item.cache,
        "extract": item.extract,
    }
    if item.output_file:
        listed["output_file"] = item.output_file
    return listed
