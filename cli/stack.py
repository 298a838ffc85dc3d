"""Which stack a command is about, where it is, and the options that say so."""

import contextlib
import functools
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import botocore.session
import click
import urllib3
from botocore.config import Config
from botocore.exceptions import ClientError

from labelloop import clock
from labelloop.aws import deployment
from labelloop.aws.failures import code_of
from labelloop.domain.annotations import ModelType
from labelloop.settings import OUTPUTS, PARAMETERS, Variable

from . import terminal
from .account import account_options, chosen
from .failures import CommandError, in_one_line

STACK_NAME = "label-loop"
CHECKOUT = Path(__file__).parent.parent
"""Where this file is not installed: what `make local` runs."""
LOOK_EVERY_S = 10.0
LOOK_EVERY_S_LOCALLY = 0.5
CLOCK_ANSWERS_S = 10.0

ATTEMPTS = 5
"""How often the SDK makes a call, unless a command wants to see each refusal."""

GetClient = Callable[..., Any]
"""Takes the name of a service and, where it is not ATTEMPTS, how often calls are made at most."""


@dataclass(frozen=True)
class Stack:
    """A deployed stack: its outputs, and the clients to talk to it with."""

    name: str
    outputs: Mapping[str, str]
    client: GetClient
    look_every_s: float = LOOK_EVERY_S
    on_this_machine: bool = False
    """Whether it is the embedded runtime's, which imitates a part of AWS."""
    time_now: Callable[[], float] = clock.machine_time
    """Its time in seconds since 1970: on the embedded runtime, hours may go by in seconds."""

    def output(self, name: str) -> str:
        """The stack's output of this name."""
        if name not in self.outputs:
            raise CommandError(
                f"The stack {self.name} has no output {name}: it is older than this command, or "
                "none of Label Loop's. Deploy this version of Label Loop to it (sam build && sam "
                "deploy), or name another stack with --stack-name."
            )
        return self.outputs[name]

    def gateways(self) -> contextlib.AbstractContextManager[None]:
        """Let the gateways of this process, and its clock, be this stack's meanwhile."""
        return deployment.of(_Variables(self), self._client, self.time_now)

    def _client(self, service: str, attempts: int, _: float) -> Any:
        """A gateway's client: those that shall see each refusal do, all others wait as we do."""
        return self.client(service, attempts=1) if attempts == 1 else self.client(service)


class _Variables(Mapping[str, str]):
    """What functions have in their environment, by a stack's outputs and parameters."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def __getitem__(self, variable: str) -> str:
        if variable == Variable.MODEL_TYPE:
            return model_type(self._stack)
        if variable in PARAMETERS:
            return deployment_parameter(self._stack, PARAMETERS[Variable(variable)])
        if variable not in OUTPUTS:
            raise CommandError(
                f"This command needs {variable}, which no stack tells in its outputs. That is a "
                "fault of the command: please report it with what you have typed."
            )
        return self._stack.output(OUTPUTS[Variable(variable)])

    def __contains__(self, variable: object) -> bool:
        return any(
            name == variable and output in self._stack.outputs for name, output in OUTPUTS.items()
        )

    def __iter__(self) -> Iterator[str]:
        return iter(OUTPUTS)

    def __len__(self) -> int:
        return len(OUTPUTS)


def on_stack(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that name a stack, and the stack as its first argument.

    A stack that is the context's object already is taken as it is.
    """
    return _with_options(command, look_up)


def on_any_stack(command: Callable[..., None]) -> Callable[..., None]:
    """The same for a stack that may not be deployed: nobody has looked, and it has no outputs."""
    return _with_options(command, lambda stack: stack)


def _with_options(
    command: Callable[..., None], prepare: Callable[[Stack], Stack]
) -> Callable[..., None]:
    @click.option("--stack-name", show_default=STACK_NAME, help="Which stack.")
    @click.option("--local", is_flag=True, help="The application on this machine (make local).")
    @click.option(
        "--data-dir",
        type=click.Path(path_type=Path),
        help="With --local: where the application keeps its files. If it is not said: .local in "
        "the checkout, as this folder or one above is.",
    )
    @click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
    @account_options
    @click.pass_context
    def with_stack(
        context: click.Context,
        /,
        stack_name: str | None,
        local: bool,
        data_dir: Path | None,
        **values: Any,
    ) -> None:
        with in_one_line():
            stack = context.find_object(Stack)
            if stack is None:
                profile, region = chosen(context, "profile"), chosen(context, "region")
                if local and (profile or region):
                    raise click.UsageError(
                        "--local is the application on this machine: it takes no --profile and no "
                        "--region."
                    )
                stack = prepare(
                    _on_this_machine(data_dir or _data_dir(), stack_name)
                    if local
                    else _on_aws(stack_name or STACK_NAME, profile, region)
                )
            with stack.gateways():
                command(stack, **values)

    # click takes the command's name and its help text from them.
    with_stack.__name__, with_stack.__doc__ = command.__name__, command.__doc__
    return with_stack


def look_up(stack: Stack) -> Stack:
    """The stack with the outputs that CloudFormation has. Raises CommandError without a stack."""
    description = describe(stack)
    if description is None:
        raise CommandError(
            f"There is no stack {stack.name} in {stack.client('cloudformation').meta.region_name}: "
            "name it with --stack-name, or choose its account and Region (--profile, --region)."
        )
    return replace(stack, outputs=outputs_of(description))


def describe(stack: Stack) -> Mapping[str, Any] | None:
    """What CloudFormation says of the stack; None where it has none of this name."""
    try:
        stacks = stack.client("cloudformation").describe_stacks(StackName=stack.name)["Stacks"]
    except ClientError as error:
        if code_of(error) == "ValidationError":
            return None
        raise
    found: Mapping[str, Any] = stacks[0]
    return found


def caller(stack: Stack) -> str:
    """Who gives the command, by the credentials."""
    return str(stack.client("sts").get_caller_identity()["Arn"])


def physical_id(stack: Stack, logical_id: str) -> str | None:
    """What CloudFormation has made for a resource of the template; None where it has none."""
    try:
        answer = stack.client("cloudformation").describe_stack_resource(
            StackName=stack.name, LogicalResourceId=logical_id
        )
    except ClientError as error:
        if code_of(error) == "ValidationError":
            return None
        raise
    return str(answer["StackResourceDetail"]["PhysicalResourceId"])


def deployment_parameter(stack: Stack, name: str) -> str:
    """What the stack was deployed with; empty where it has no such parameter."""
    description: Any = describe(stack) or {}
    given = {
        entry["ParameterKey"]: entry.get("ParameterValue", "")
        for entry in description.get("Parameters", [])
    }
    return str(given.get(name, ""))


def model_type(stack: Stack) -> ModelType:
    """What the stack trains; classification where it is older than the choice."""
    return ModelType(deployment_parameter(stack, "ModelType") or ModelType.CLASSIFICATION)


def outputs_of(description: Mapping[str, Any]) -> dict[str, str]:
    """A described stack's outputs by name."""
    return {output["OutputKey"]: output["OutputValue"] for output in description.get("Outputs", [])}


def show(as_json: bool, data: Any, text: str) -> None:
    """Print the command's answer: for programs, or for people."""
    terminal.say(terminal.as_json(data) if as_json else text)


def _data_dir() -> Path:
    """Of the application that this checkout runs, or that in which one stands."""
    places = [folder / ".local" for folder in (CHECKOUT, Path.cwd(), *Path.cwd().parents)]
    for place in places:
        if (place / "stack.json").exists():
            return place
    return places[0] if (CHECKOUT / "template.yaml").exists() else places[1]


def _on_aws(stack_name: str, profile: str | None, region: str | None) -> Stack:
    session = botocore.session.Session(profile=profile)

    def make(service: str, attempts: int = ATTEMPTS) -> Any:
        # botocore itself knows AWS_DEFAULT_REGION only.
        return session.create_client(
            service, region_name=region or os.environ.get("AWS_REGION"), config=_config(attempts)
        )

    return Stack(stack_name, {}, functools.cache(make))


def _on_this_machine(data_dir: Path, stack_name: str | None) -> Stack:
    try:
        description = json.loads((data_dir / "stack.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError) as error:
        raise CommandError(
            f"No local application has left its description in {data_dir}: start it in another "
            "terminal with make local, or name the folder .local of its checkout with --data-dir."
        ) from error
    if stack_name not in {None, description["stack"]}:
        raise CommandError(
            f"The application on this machine is the stack {description['stack']}, not "
            f"{stack_name}: leave --stack-name out, or name another one's files with --data-dir."
        )
    # The developer's own profile names another account.
    session = botocore.session.Session(
        session_vars={
            "profile": (None, [], None, None),
            "config_file": (None, None, os.devnull, None),
        }
    )

    def make(service: str, attempts: int = ATTEMPTS) -> Any:
        return session.create_client(
            service,
            region_name=description["region"],
            endpoint_url=description["endpoint"],
            aws_access_key_id="operator",
            aws_secret_access_key="local",  # noqa: S106 - nothing there checks signatures
            config=_config(attempts).merge(Config(proxies={})),
        )

    now = functools.partial(_time_there, description)
    return Stack(description["stack"], {}, functools.cache(make), LOOK_EVERY_S_LOCALLY, True, now)


def _time_there(description: Mapping[str, Any]) -> float:
    """What the application's clock says, which may run faster than ours, and leap."""
    try:
        answer = urllib3.request(
            "GET", description["clock_url"], retries=False, timeout=CLOCK_ANSWERS_S
        )
        return float(answer.json()["epoch_s"])
    except (urllib3.exceptions.HTTPError, LookupError, ValueError) as error:
        raise CommandError(
            "The application on this machine does not say what time it is there. Does it run, and "
            "is it of this release? Start it again: make local"
        ) from error


def _config(attempts: int) -> Config:
    return Config(
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=10,
        read_timeout=60,
    )
