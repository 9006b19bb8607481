"""Why a deployment failed, in plain words, from Azure's error and the containers' logs.

Two tables, most telling cause first: what the log says of the code comes before what Azure says of
the container, because Azure only sees that it died.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cause:
    """One way in which deployments fail.

    Attributes:
        name: Short name.
        pattern: What it is recognised by, in the log or in Azure's error. Its first group, if it
            has one, is quoted.
        what: In plain words; `{0}` is the quotation.
        remedy: What to do.
    """

    name: str
    pattern: str
    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The likely cause of a failure."""

    name: str
    what: str
    remedy: str


SAID_BY_THE_CONTAINER = (
    Cause(
        "missing model",
        r"CheckpointNotFoundError: (.*)",
        "The model that was mounted holds no checkpoint: {0}",
        "Register it again: python -m scripts.register_model (it verifies the files first). If the "
        "upload left the weights behind, look whether .amlignore or .gitignore names them.",
    ),
    Cause(
        "broken model",
        r"(?:CheckpointError|UnsupportedArchitectureError): (.*)",
        "The checkpoint cannot be served: {0}",
        "Try it here: python -m scripts.serve <model folder>. Then register a sound one.",
    ),
    Cause(
        "bad setting",
        r"SettingsError: (.*)",
        "A setting is not valid: {0}",
        "Mend `environment_variables` in the deployment's YAML.",
    ),
    Cause(
        "bad policy",
        r"PolicyError: (.*)",
        "The policy file is not valid: {0}",
        "Mend the file that POLICY_FILE names. It must be among the uploaded code.",
    ),
    Cause(
        "missing module",
        r"(?:ModuleNotFoundError|ImportError): (.*)",
        "score.py needs something that the environment does not have: {0}",
        "If it is a library: the environment lacks it (or is that of the other hardware, CPU or "
        "GPU); add it to its lock and build again. If it is nsfw_detector: `code:` or .amlignore "
        "leaves it out of the upload.",
    ),
    Cause(
        "error in score.py",
        r"((?:SyntaxError|IndentationError|NameError): .*|does not have an? (?:init|run)\(\).*)",
        "score.py cannot be loaded: {0}",
        "Run it here first: make serve",
    ),
    Cause(
        "scoring script not found",
        r"FileNotFoundError: .*'([^']*\.py)'",
        "The scoring script is not in the upload: {0}",
        "`scoring_script` is relative to `code`; .amlignore may leave it out.",
    ),
    Cause(
        "out of memory",
        r"(MemoryError|CUDA out of memory|std::bad_alloc|OOMKilled|PodOutOfMemory"
        r"|Worker \(pid:\d+\) was sent SIGKILL[^\n]*)",
        "The container ran out of memory ({0}).",
        "Take a SKU with more memory, or one worker process instead of several (threads share one "
        "copy of the model).",
    ),
    Cause(
        "init() failed",
        r"(?:User's init function failed|UserScriptException|UserScriptInitFailed)",
        "init() of score.py raised an exception; it stands in the log.",
        "Run the same model and settings here: make serve MODEL=<folder>",
    ),
)
"""Sought in the log and in the error: Kubernetes puts such lines into its errors."""

SAID_BY_AZURE = (
    Cause(
        "subscription",
        r"(?i)(?:subscription\b.{0,80}\b(?:disabled|not enabled)|ReadOnlyDisabledSubscription"
        r"|SubscriptionNotRegistered|MissingSubscriptionRegistration)",
        "The subscription is disabled, or not registered for Azure ML.",
        "Have its owner look at it in the portal, under Subscriptions; registering: "
        "az provider register --namespace Microsoft.MachineLearningServices",
    ),
    Cause(
        "secrets",
        r"SecretsInjectionError",
        "Secrets that environment variables refer to could not be fetched.",
        "Look at the references in `environment_variables` (`${{...}}`), and give the endpoint's "
        "identity access to them: `Azure Machine Learning Workspace Connection Secrets Reader` on "
        "the workspace, or `Key Vault Secrets User` on the key vault.",
    ),
    Cause(
        "identity",
        r"(?i)startup task failed.{0,80}authorization",
        "The endpoint's identity may not read what the container starts with.",
        "It needs AcrPull on the registry and Storage Blob Data Reader on the storage account: "
        "python -m scripts.doctor --online FILE prints what lacks; then wait a few minutes and run "
        "again.",
    ),
    Cause(
        "no capacity",
        r"(?i)(?:allocationfailed|skunotavailable|not have enough capacity|lack of .* capacity"
        r"|region-wide vm capacity|overconstrainedallocation|not enough .*capacity)",
        "The region has no free machine of this SKU at the moment, or does not offer it.",
        "Try again later, take another SKU (instance_type), or another region.",
    ),
    Cause(
        "unknown SKU",
        r"(?i)(?:instance ?type|vm ?size|sku)\b.{0,80}(?:not supported|is not valid|invalid"
        r"|not available|unsupported)",
        "Online endpoints in this region do not offer this `instance_type`.",
        "Choose one of those that the service lists: az ml compute list-sizes, and "
        "https://aka.ms/azureml/online-endpoint-sku-list",
    ),
    Cause(
        "pods do not fit",
        r"(?i)(?:kubernetes unschedulable|PodUnschedulable|nodes are available)",
        "No node of the cluster has room for this deployment.",
        "Lower `resources.requests` in its YAML, or add nodes to the cluster.",
    ),
    Cause(
        "quota",
        r"(?i)(?:outofquota|not enough quota|quotaexceeded|insufficientquota|exceed.{0,40}quota)",
        "The subscription has too little quota for this SKU and number of instances.",
        "Delete deployments that nobody uses (python -m scripts.delete), take a smaller SKU or "
        "fewer instances, or ask for quota at https://ml.azure.com/quota. Azure counts 20 % more "
        "than run, for upgrades.",
    ),
    Cause(
        "registry",
        r"(?i)(?:acrpull|container registry authorization failure|ImagePullLoopBackOff"
        r"|unable to download user container image|ACR(?:Secret|TokenExchange|Authentication)\w*"
        r"|failed to pull image|unauthorized: authentication required)",
        "The image could not be pulled from the container registry.",
        "Give the endpoint's identity the role AcrPull on the registry; then wait a few minutes "
        "and run again. Behind a virtual network, look at the registry's private endpoint.",
    ),
    Cause(
        "image build",
        r"(?i)(?:imagebuildfailure|image build (?:failed|timed? ?out)|image build timeout"
        r"|environment build)",
        "The environment's image could not be built.",
        "Read the build log that Azure names above. Build it on its own first, where errors show "
        "sooner: az ml environment create -f environment/cpu.yml",
    ),
    Cause(
        "model download",
        r"(?i)(?:unable to download user model|AuthorizationPermissionMismatch"
        r"|failed to download.{0,80}model|BlobNotFound|storage blob data reader)",
        "The model or code could not be fetched from the workspace's storage.",
        "Give the endpoint's identity the role Storage Blob Data Reader on the storage account, "
        "and see that the model version still exists.",
    ),
    Cause(
        "managed network",
        r"WorkspaceManagedNetworkNotReady",
        "The workspace's managed network has not been made yet.",
        "Make it: az ml workspace provision-network -n <workspace> -g <group>",
    ),
    Cause(
        "overtaken",
        r"OperationCanceled",
        "Another change of the same deployment or endpoint came in between.",
        "Wait a minute and run again.",
    ),
    Cause(
        "probe",
        r"(?i)((?:liveness|readiness) probe failed.*)",
        "The container did not answer Azure's probes in time: {0}",
        "If the log shows that it was still loading, raise `initial_delay` and "
        "`failure_threshold` of the probes; if it shows nothing, the image's command did not start "
        "the server, or listens on another port than its inference_config says.",
    ),
    Cause(
        "crash",
        r"(?i)(?:user container has crashed|ResourceNotReady|CrashLoopBackOff"
        r"|container terminated)",
        "The container ended on its own.",
        "Read the end of its log above. Without any log, the image itself does not start: "
        "python -m scripts.doctor shows what differs from the lock.",
    ),
    Cause(
        "timeout",
        r"(?i)(?:timed? ?out|deadline ?exceeded|did not (?:complete|become ready) (?:with)?in)",
        "It took longer than Azure waits.",
        "Image builds and first downloads are the usual reason; both are cached: run again.",
    ),
    Cause(
        "service",
        r"(?i)internalservererror",
        "Azure itself failed.",
        "Run again; if it stays, open a support request with the operation's id.",
    ),
)
"""Sought in the error only: a log speaks of timeouts and quotas without having met any."""


def diagnose(
    error: str, log: str = "", said_by_azure: tuple[Cause, ...] = SAID_BY_AZURE
) -> Diagnosis:
    """Name the likely cause of a failed deployment or job.

    Args:
        error: What Azure said: code and message.
        log: What the containers wrote, as far as it could be had.
        said_by_azure: Causes to seek in the error only.

    Returns:
        The first cause of the tables that is recognised.
    """
    sought = (
        (SAID_BY_THE_CONTAINER, f"{error}\n{log}"),
        (said_by_azure, error),
    )
    for causes, text in sought:
        for cause in causes:
            if found := list(re.finditer(cause.pattern, text)):
                quotation = found[-1].group(1).strip() if found[-1].groups() else ""
                return Diagnosis(cause.name, cause.what.format(quotation), cause.remedy)
    return Diagnosis(
        "unknown",
        "Azure's error and the log name no cause that is known here.",
        "Read both above; python -m scripts.doctor checks what can be checked before deploying.",
    )
