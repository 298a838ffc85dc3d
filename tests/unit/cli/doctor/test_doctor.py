"""What the doctor finds, before a deployment and after it: moto's services, a stack in them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import NoCredentialsError, NoRegionError
from click.testing import CliRunner, Result

from cli.__main__ import main
from cli.archive import KEPT_FOLDER
from cli.doctor import parts, stack_checks, workflow_checks
from cli.stack import Stack
from labelloop import clock
from labelloop.aws import hosting_state, objects
from labelloop.clock import iso
from labelloop.domain.parameters import CATALOGUE
from local.clock import Clock
from tests.contract.files import ROOT
from tests.unit import calibrated
from tests.unit.cli.world import OPERATOR, PREFIX, PROJECT, World, answering, aws_in_memory, refused

BUCKET = "the-bucket"
QUOTAS = {
    "Concurrently running Amazon Rekognition Custom Labels models per account": 2.0,
    "Concurrent Amazon Rekognition Custom Labels training jobs per account": 2.0,
    "Maximum inference units per running Amazon Rekognition Custom Labels model.": 5.0,
    "Concurrent Amazon Rekognition Custom Labels model copy jobs per account": 5.0,
}


class Clinic:
    """A deployed stack that is well, and the doctor."""

    def __init__(self) -> None:
        self.world = World({"BucketName": BUCKET})
        self.replaced: dict[str, Any] = {}
        self.quotas = dict(QUOTAS)
        self.replace("service-quotas", {"ListServiceQuotas": self._quotas})
        self.functions_at_once(1000)
        sns = boto3.client("sns")
        self.topics = {
            who: sns.create_topic(Name=who)["TopicArn"] for who in ("operator", "consumer")
        }
        for who, topic in self.topics.items():
            sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=f"{who}@example.com")
        self.s3 = boto3.client("s3")
        self.s3.create_bucket(Bucket=BUCKET)
        self.keep_versions("Enabled")
        self.tells: Mapping[str, Any] = {"EventBridgeConfiguration": {}}
        # moto keeps the configuration, but leaves EventBridge out when asked for it.
        self.replace("s3", {"GetBucketNotificationConfiguration": lambda _: self.tells})
        for label in ("bolt", "nut"):
            self.upload(label, "a", "b", "c")
        for parameter in CATALOGUE:
            self.set(parameter.name, parameter.default)
        self.set("For-System-Use-Only", "{}")
        self.scheduler = boto3.client("scheduler")
        for kind in ("training", "sampling"):
            self.schedule(kind, "ENABLED")
        self.cognito = boto3.client("cognito-idp")
        self.pool = self.cognito.create_user_pool(PoolName="p")["UserPool"]["Id"]
        for group in ("reviewers", "operators"):
            self.cognito.create_group(UserPoolId=self.pool, GroupName=group)
        self.cognito.admin_create_user(UserPoolId=self.pool, Username="ann")
        self.join("reviewers")

    def deploy(self, leave_out: str = "", **parameters: str) -> None:
        """Make the stack, with the outputs that the template has."""
        outputs = {
            **self.world.stack.outputs,
            "OperatorTopic": self.topics["operator"],
            "ConsumerTopic": self.topics["consumer"],
            "UserPoolId": self.pool,
            "ReviewersGroup": "reviewers",
            "OperatorsGroup": "operators",
        }
        names = stack_checks.expected_outputs() - {leave_out}
        template = {
            "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
            "Parameters": {name: {"Type": "String"} for name in parameters},
            "Outputs": {name: {"Value": outputs.get(name, f"the {name}")} for name in names},
        }
        boto3.client("cloudformation").create_stack(
            StackName="label-loop",
            TemplateBody=json.dumps(template),
            Parameters=[
                {"ParameterKey": name, "ParameterValue": value}
                for name, value in parameters.items()
            ],
        )

    def replace(self, service: str, answers: Mapping[str, Any]) -> None:
        """Let a service answer these operations so."""
        self.replaced[service] = answering(service, answers)

    def functions_at_once(self, most: int, reserved: int = 0) -> None:
        limit = {"ConcurrentExecutions": most, "UnreservedConcurrentExecutions": most - reserved}
        self.replace("lambda", {"GetAccountSettings": lambda _: {"AccountLimit": limit}})

    def _quotas(self, asked: dict[str, Any]) -> Mapping[str, Any]:
        """One a page."""
        assert asked["ServiceCode"] == "rekognition"
        place = int(asked.get("NextToken", "0"))
        name, value = list(self.quotas.items())[place]
        more = {"NextToken": str(place + 1)} if place + 1 < len(self.quotas) else {}
        return {"Quotas": [{"QuotaName": name, "Value": value}], **more}

    def keep_versions(self, status: Any) -> None:
        self.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": status})

    def upload(self, label: str, *contents: str) -> None:
        folder = f"images_labeled_by_folder/{label}/"
        self.s3.put_object(Bucket=BUCKET, Key=folder)
        for number, content in enumerate(contents):
            self.s3.put_object(Bucket=BUCKET, Key=f"{folder}{number}.jpg", Body=content.encode())

    def set(self, name: str, value: str) -> None:
        self.world.parameters.put_parameter(
            Name=PREFIX + name, Value=value, Type="String", Overwrite=True
        )

    def schedule(self, kind: str, state: Any) -> None:
        self.scheduler.create_schedule(
            Name=f"label-loop-{kind}",
            ScheduleExpression="rate(1 hour)",
            FlexibleTimeWindow={"Mode": "OFF"},
            State=state,
            Target={"Arn": "arn:aws:states:::x", "RoleArn": "arn:aws:iam::123456789012:role/x"},
        )

    def join(self, group: str) -> None:
        self.cognito.admin_add_user_to_group(UserPoolId=self.pool, GroupName=group, Username="ann")

    def run(self, *words: str) -> Result:
        def client(service: str) -> Any:
            return self.replaced.get(service) or self.world.stack.client(service)

        stack = replace(self.world.stack, outputs={}, client=client)
        return CliRunner().invoke(main, ["doctor", *words], obj=stack)

    def findings(self, check: str = "") -> list[tuple[str, str]]:
        """What was found of one check or of all: levels and texts, with how to mend them."""
        found = json.loads(self.run("--json").stdout)["findings"]
        return [
            (one["level"], f"{one['text']} {one['mend']}".strip())
            for one in found
            if one["check"] == check or not check
        ]

    def found(self, check: str) -> tuple[str, str]:
        """The one thing that was found of a check."""
        (only,) = self.findings(check)
        return only


@pytest.fixture
def before(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clinic]:
    """An account without the stack."""
    with aws_in_memory(monkeypatch):
        yield Clinic()


@pytest.fixture
def clinic(before: Clinic) -> Clinic:
    """A deployed stack that is well."""
    before.deploy(ModelType="classification", ReviewBackend="console")
    return before


class TestBeforeADeployment:
    def test_it_says_how_to_deploy_and_that_nothing_is_wrong(self, before: Clinic) -> None:
        result = before.run()

        assert result.exit_code == 0, result.output
        assert "sam build && sam deploy --guided" in result.stdout
        assert result.stdout.splitlines()[-1] == "no problems, no warnings."
        checks = {one["check"] for one in json.loads(before.run("--json").stdout)["findings"]}
        assert checks == {"region", "credentials", "name", "quotas", "functions", "stack"}

    def test_it_names_account_identity_region_and_quotas(self, before: Clinic) -> None:
        text = before.run().stdout

        assert "123456789012" in text and "us-east-1" in text
        assert "2 models at once, 2 trainings at once, 5 inference units a model." in text

    def test_one_running_model_is_too_few_for_a_swap(self, before: Clinic) -> None:
        before.quotas[next(iter(QUOTAS))] = 1.0

        level, text = before.found("quotas")

        assert level == "warning" and "--in-place" in text
        assert before.run().exit_code == 0

    def test_quotas_that_cannot_be_read_are_no_problem(self, before: Clinic) -> None:
        before.replace("service-quotas", {"ListServiceQuotas": refused("AccessDeniedException")})
        level, text = before.found("quotas")
        assert level == "note" and "servicequotas:ListServiceQuotas" in text

        before.quotas = {"Projects": 100.0}
        before.replace("service-quotas", {"ListServiceQuotas": before._quotas})
        assert before.found("quotas")[0] == "note"

    def test_a_new_account_may_run_few_functions_at_once(self, before: Clinic) -> None:
        assert before.found("functions") == ("ok", "1000 functions may run at once.")

        before.functions_at_once(10)
        level, text = before.found("functions")
        assert level == "warning" and "Service Quotas" in text

        before.functions_at_once(1000, reserved=970)
        level, text = before.found("functions")
        assert level == "warning" and "30 functions may run at once (970 are reserved" in text

    def test_without_credentials_nothing_else_is_looked_at(self, before: Clinic) -> None:
        def nobody(_: Any) -> Any:
            raise NoCredentialsError

        before.replace("sts", {"GetCallerIdentity": nobody})
        before.replace("rekognition", {"DescribeProjects": nobody})

        found = before.findings()

        assert [level for level, _ in found] == ["problem"]
        assert "aws configure" in found[0][1] and before.run().exit_code == 1

    @pytest.mark.usefixtures("before")
    def test_without_a_region_nothing_else_is_looked_at(self) -> None:
        def nowhere(_: str) -> Any:
            raise NoRegionError

        stack = Stack("label-loop", {}, nowhere)
        result = CliRunner().invoke(main, ["doctor"], obj=stack)

        assert result.exit_code == 1
        assert "AWS_REGION" in result.stdout and "1 problem" in result.stdout

    def test_a_region_where_custom_labels_does_not_answer_is_a_problem(
        self, before: Clinic
    ) -> None:
        before.replace("rekognition", {"DescribeProjects": refused("UnknownOperation")})

        level, text = before.found("region")

        assert level == "problem" and "eu-west-1" in text

    @pytest.mark.parametrize("name", ["a" * 55, "aws-labels", "Ssm-labels"])
    def test_a_name_that_no_stack_can_have_is_a_problem_before_it_is_deployed(
        self, before: Clinic, name: str
    ) -> None:
        assert before.found("name")[0] == "ok"
        before.world.stack = replace(before.world.stack, name=name)

        level, text = before.found("name")

        assert level == "problem" and name in text and "sam deploy --stack-name" in text

    def test_a_missing_permission_is_named_and_the_rest_goes_on(self, before: Clinic) -> None:
        message = "User x is not authorized to perform: cloudformation:DescribeStacks on y"
        before.replace("cloudformation", {"DescribeStacks": refused("AccessDenied", message)})

        level, text = before.found("stack")

        assert level == "warning" and "cloudformation:DescribeStacks" in text
        assert before.run().exit_code == 0


class TestTheStacksStatus:
    @pytest.mark.parametrize(
        ("status", "level", "words"),
        [
            ("REVIEW_IN_PROGRESS", "note", "not deployed yet"),
            ("UPDATE_COMPLETE", "ok", "is deployed"),
            ("UPDATE_IN_PROGRESS", "warning", "Look again"),
            ("UPDATE_ROLLBACK_COMPLETE", "warning", "was undone"),
            ("ROLLBACK_COMPLETE", "problem", "sam delete"),
            ("DELETE_FAILED", "problem", "could not be deleted"),
            ("UPDATE_ROLLBACK_FAILED", "problem", "continue-update-rollback"),
            ("UPDATE_FAILED", "problem", "rollback-stack"),
            ("A_STATUS_OF_TOMORROW", "warning", "A_STATUS_OF_TOMORROW"),
        ],
    )
    def test_each_is_said_in_words(
        self, before: Clinic, status: str, level: str, words: str
    ) -> None:
        described = {"StackName": "label-loop", "StackStatus": status, "Outputs": []}
        described["StackStatusReason"] = "The following resource(s) failed"
        before.replace("cloudformation", {"DescribeStacks": lambda _: {"Stacks": [described]}})

        found_level, text = before.found("stack")

        assert found_level == level and words in text
        assert ("The following resource(s) failed" in text) == (
            level == "problem" or status == "UPDATE_ROLLBACK_COMPLETE"
        )


class TestADeployedStack:
    def test_one_that_is_well_has_nothing_to_mend(self, clinic: Clinic) -> None:
        result = clinic.run()

        assert result.exit_code == 0, result.output
        levels = {level for level, _ in clinic.findings()}
        assert levels == {"ok"}, result.output

    def test_json_counts_what_is_wrong(self, clinic: Clinic) -> None:
        clinic.keep_versions("Suspended")

        answer = json.loads(clinic.run("--json").stdout)

        assert (answer["stack"], answer["problems"]) == ("label-loop", 1)
        assert clinic.run().exit_code == 1

    def test_an_output_that_is_missing_is_named(self, before: Clinic) -> None:
        before.deploy(leave_out="ApiUrl")

        level, text = before.found("outputs")

        assert level == "problem" and "ApiUrl" in text and "sam deploy" in text

    @pytest.mark.parametrize(
        ("name", "value", "level", "words"),
        [
            ("Minimum-F1-Score", "1.5", "problem", "a number from 0.00 to 1.00"),
            ("Minimum-Inference-Units", "3", "warning", "Maximum-Inference-Units 3"),
            ("Fancy", "x", "warning", "nothing reads it"),
        ],
    )
    def test_a_parameter_that_is_wrong_says_how_to_mend_it(
        self, clinic: Clinic, name: str, value: str, level: str, words: str
    ) -> None:
        clinic.set(name, value)

        found_level, text = clinic.found("parameters")

        assert found_level == level and words in text

    def test_a_parameter_that_is_missing_has_its_default(self, clinic: Clinic) -> None:
        clinic.world.parameters.delete_parameter(Name=f"{PREFIX}Model-Hosting")

        level, text = clinic.found("parameters")

        assert level == "problem"
        assert "labelloop params set Model-Hosting on-demand" in text

    def test_an_address_that_has_not_confirmed_is_a_problem(self, clinic: Clinic) -> None:
        pending = {
            "SubscriptionArn": "PendingConfirmation",
            "Endpoint": "ann@example.com",
            "Protocol": "email",
        }
        clinic.replace("sns", {"ListSubscriptionsByTopic": lambda _: {"Subscriptions": [pending]}})

        operator, consumer = clinic.findings("e-mail")

        assert operator[0] == consumer[0] == "problem"
        assert "ann@example.com has not confirmed" in operator[1]

    def test_without_an_operator_nobody_hears_of_failures(self, clinic: Clinic) -> None:
        gone = {"SubscriptionArn": "Deleted", "Endpoint": "a@b.cd", "Protocol": "email"}
        clinic.replace("sns", {"ListSubscriptionsByTopic": lambda _: {"Subscriptions": [gone]}})

        operator, consumer = clinic.findings("e-mail")

        assert operator[0] == "warning" and "NotificationEmail" in operator[1]
        assert consumer[0] == "note"

    def test_a_bucket_that_tells_nobody_is_a_problem(self, clinic: Clinic) -> None:
        clinic.tells = {}

        level, text = clinic.found("bucket")

        assert level == "problem" and "EventBridge" in text

    def test_a_bucket_that_is_out_of_reach_names_the_permission(self, clinic: Clinic) -> None:
        # To a HEAD request S3 answers without words.
        clinic.replace("s3", {"HeadBucket": refused("403", "Forbidden")})

        level, text = clinic.found("bucket")

        assert level == "warning" and "s3:ListBucket" in text
        assert clinic.found("reviewers")[0] == "ok"


class TestModels:
    def test_a_running_model_is_named_with_its_price(self, clinic: Clinic) -> None:
        clinic.world.deploy("v1", "RUNNING")

        assert clinic.found("models") == (
            "ok",
            "v1 is RUNNING and billed, about US$8.00 an hour.",
        )

    def test_the_price_is_what_the_stack_was_deployed_with(self, before: Clinic) -> None:
        before.deploy(InferenceUnitHourPrice="5.5")
        before.world.deploy("v1", "RUNNING")

        assert "about US$11.00 an hour" in before.found("models")[1]

    def test_one_that_runs_without_being_deployed_is_to_be_stopped(self, clinic: Clinic) -> None:
        clinic.world.deploy("v1", "RUNNING")
        clinic.world.model.coming["v0"] = ["RUNNING"]

        _, (level, text) = clinic.findings("models")

        assert level == "warning" and "labelloop stop v0" in text

    def test_during_a_swap_both_may_run(self, clinic: Clinic) -> None:
        clinic.world.deploy("v1", "RUNNING")
        clinic.world.model.coming["v2"] = ["STARTING"]
        clinic.world.put("versions", kind="state", name="training", owner="arn:swap")
        clinic.world.executions.coming = [{"status": "RUNNING"}]

        assert [level for level, _ in clinic.findings("models")] == ["ok", "ok"]

    def test_one_that_is_stopped_says_when_it_starts(self, clinic: Clinic) -> None:
        clinic.world.deploy("v1", "STOPPED")
        level, text = clinic.found("models")
        assert level == "ok" and "started when images come in" in text

        clinic.set("Model-Hosting", "always-on")
        level, text = clinic.found("models")
        assert level == "ok" and "started within some minutes" in text

        now = clock.now()
        time = {"day": f"{now:%Y-%m-%d}", "seconds": 48 * 3600, "looked": iso(now), "models": 0}
        clinic.world.put("versions", kind="state", name="model_time", **time)
        level, text = clinic.found("models")
        assert level == "note" and "Maximum-Daily-Model-Hours" in text

        # As earlier releases left it.
        clinic.world.put("versions", kind="state", name="hosting_pause")
        level, text = clinic.found("models")
        assert level == "note" and "stopped by hand: images" in text and "labelloop start" in text

        clinic.world.ask(partial(hosting_state.pause, OPERATOR))
        _, text = clinic.found("models")
        assert f"stopped by hand by {OPERATOR} at 20" in text

    def test_one_that_was_deleted_is_a_problem(self, clinic: Clinic) -> None:
        clinic.world.deploy("v1", "STOPPED")
        del clinic.world.model.coming["v1"]
        level, text = clinic.found("models")
        assert level == "problem" and "labelloop deploy" in text

    def test_models_of_other_projects_count_for_the_accounts_limit(self, clinic: Clinic) -> None:
        clinic.world.model.elsewhere = {"other": ["RUNNING"], "idle": ["STOPPED"]}

        _, (level, text) = clinic.findings("models")

        assert level == "note" and "other v1" in text and "idle" not in text
        assert PROJECT.split("/")[1] not in text


class TestDoubt:
    def test_before_a_model_serves_there_is_nothing_to_look_at(self, clinic: Clinic) -> None:
        assert clinic.found("doubt") == ("ok", "No model has been deployed yet.")

    def test_it_is_said_what_the_minimum_does_and_what_others_would(self, clinic: Clinic) -> None:
        self.serve(clinic, calibrated.content())

        level, text = clinic.found("doubt")

        assert level == "ok"
        assert (
            "of the test images of v1, 8 of 20 (40 %) go to people, among them 5 of 7 (71 %) that "
            "were not right."
        ) in text
        assert "50 sends 2 and catches 2; 60 sends 8 and catches 5; 80 sends 12" in text
        assert "70 sends" not in text

    def test_a_minimum_that_finds_no_mistake_is_a_warning(self, clinic: Clinic) -> None:
        outlook = [[75.0, 20, 7], [99.0, 10, 0]]
        self.serve(clinic, json.dumps({"calibration": None, "outlook": outlook}).encode())

        level, text = clinic.found("doubt")

        assert level == "warning"
        assert "0 of 30 (0 %) go to people, among them 0 of 7 (0 %)" in text
        assert "80 sends 20 and catches 7" in text

    @pytest.mark.parametrize(
        ("model_type", "level"), [("classification", "note"), ("multi-label", "warning")]
    )
    def test_a_version_of_an_earlier_release_is_told_of(
        self, before: Clinic, model_type: str, level: str
    ) -> None:
        before.deploy(ModelType=model_type, ReviewBackend="console")
        before.world.deploy("v1", "RUNNING")

        found, text = before.found("doubt")

        assert found == level
        assert "when the next version is evaluated" in text

    def test_what_cannot_be_read_is_a_problem(self, clinic: Clinic) -> None:
        self.serve(clinic, b"{}")
        level, text = clinic.found("doubt")
        assert (level, "Delete it" in text) == ("problem", True)

    def test_an_invalid_minimum_counts_as_the_default(self, clinic: Clinic) -> None:
        self.serve(clinic, calibrated.content())
        clinic.set("Minimum-Label-Detection-Confidence", "much")
        assert "Confidence is 70.0" in clinic.found("doubt")[1]

    def serve(self, clinic: Clinic, content: bytes) -> None:
        clinic.world.deploy("v1", "RUNNING")
        clinic.s3.put_object(Bucket=BUCKET, Key="evaluation/v1/doubt.json", Body=content)


class TestWhatGoesOn:
    @pytest.mark.parametrize(("status", "level"), [("RUNNING", "ok"), ("TIMED_OUT", "warning")])
    def test_a_lock_is_as_good_as_its_execution(
        self, clinic: Clinic, status: str, level: str
    ) -> None:
        clinic.world.put("versions", kind="state", name="training", owner="arn:one")
        clinic.world.executions.coming = [{"status": status}]

        found_level, text = clinic.found("training")

        assert found_level == level and "arn:one" in text

    def test_an_execution_that_is_forgotten_holds_no_lock(self, clinic: Clinic) -> None:
        clinic.world.put("versions", kind="state", name="training", owner="arn:one")
        clinic.world.executions.coming = [{"status": "GONE"}]

        assert clinic.found("training")[0] == "warning"

    @pytest.mark.parametrize(
        ("output", "words"),
        [
            ("DetectionDeadLetterQueueUrl", "1 images could not be detected"),
            ("AnswersDeadLetterQueueUrl", "1 answers of reviewers"),
            ("UndeliveredEventsQueueUrl", "1 events did not reach"),
        ],
    )
    def test_dead_letters_are_a_problem(self, clinic: Clinic, output: str, words: str) -> None:
        url = clinic.world.stack.output(output)
        clinic.world.queues.send_message(QueueUrl=url, MessageBody="{}")

        level, text = clinic.found("dead letters")

        assert level == "problem" and words in text

    def test_what_could_not_be_archived_is_a_problem(self, clinic: Clinic) -> None:
        clinic.world.ask(lambda: objects.write(f"{KEPT_FOLDER}uuid/1", b"{}"))

        level, text = clinic.found("dead letters")

        assert level == "problem" and "labelloop archive --replay" in text

    def test_a_schedule_that_does_not_follow_its_parameter_is_a_problem(
        self, clinic: Clinic
    ) -> None:
        clinic.set("Enable-Automatic-Training", "false")

        training, sampling = clinic.findings("schedules")

        assert training[0] == "problem" and "start-execution" in training[1]
        assert sampling[0] == "ok"

    def test_what_a_console_has_switched_off_or_deleted_is_named_with_how_to_mend_it(
        self, clinic: Clinic
    ) -> None:
        physical = {"DetectionRule": "the-rule", "HostingSchedule": "gone"}
        physical["AnswersQueueMapping"] = "8a2b1c3d-0e4f-4a5b-9c6d-7e8f9a0b1c2d"

        def resource(asked: dict[str, Any]) -> Mapping[str, Any]:
            if asked["LogicalResourceId"] not in physical:
                refused("ValidationError")(asked)
            found = {"PhysicalResourceId": physical[asked["LogicalResourceId"]]}
            return {"StackResourceDetail": found}

        clinic.replace("cloudformation", {"DescribeStackResource": resource})
        clinic.replace("events", {"DescribeRule": lambda _: {"State": "DISABLED"}})
        clinic.replace("scheduler", {"GetSchedule": refused("ResourceNotFoundException")})
        clinic.replace("lambda", {"GetEventSourceMapping": lambda _: {"State": "Disabled"}})

        rule, mapping, schedule = clinic.findings("parts")

        assert rule[0] == mapping[0] == schedule[0] == "problem"
        assert "labelloop missed" in rule[1] and "enable-rule --name the-rule" in rule[1]
        assert "--uuid 8a2b1c3d-0e4f-4a5b-9c6d-7e8f9a0b1c2d --enabled" in mapping[1]
        assert "HostingSchedule was deleted" in schedule[1] and "deploy once more" in schedule[1]

    def test_parts_that_are_on_are_well(self, clinic: Clinic) -> None:
        assert clinic.found("parts")[0] == "ok"


class TestImagesAndPeople:
    def test_labels_with_few_different_images_are_named(self, clinic: Clinic) -> None:
        clinic.upload("gear", "the same", "the same", "the same")
        clinic.upload("empty folder")

        level, text = clinic.found("labels")

        assert level == "warning" and "empty folder (0), gear (1)" in text

    def test_without_labelled_images_there_is_a_hint(self, clinic: Clinic) -> None:
        for entry in clinic.s3.list_object_versions(Bucket=BUCKET)["Versions"]:
            version = {"Key": entry["Key"], "VersionId": entry["VersionId"]}
            clinic.s3.delete_object(Bucket=BUCKET, **version)

        assert clinic.found("labels")[0] == "note"

    def test_a_detection_model_needs_no_folders(self, before: Clinic) -> None:
        before.upload("gear", "one")
        before.deploy(ModelType="detection")

        assert before.found("labels")[0] == "note"

    def test_without_reviewers_questions_stay_open(self, clinic: Clinic) -> None:
        clinic.cognito.admin_delete_user(UserPoolId=clinic.pool, Username="ann")
        level, text = clinic.found("reviewers")
        assert level == "warning" and "labelloop reviewers add" in text

        clinic.set("Enable-A2I-Workflow", "false")
        assert clinic.found("reviewers")[0] == "ok"

    def test_operators_may_review_too(self, clinic: Clinic) -> None:
        clinic.cognito.admin_delete_user(UserPoolId=clinic.pool, Username="ann")
        clinic.cognito.admin_create_user(UserPoolId=clinic.pool, Username="ann")
        clinic.join("operators")

        assert clinic.found("reviewers")[0] == "ok"


def test_what_the_local_application_has_not_is_passed_over(clinic: Clinic) -> None:
    clinic.world.stack = replace(clinic.world.stack, on_this_machine=True)
    clinic.replace("service-quotas", {"ListServiceQuotas": refused("NotImplemented")})
    clinic.tells = {}

    assert clinic.found("quotas")[0] == clinic.found("functions")[0] == "note"
    assert clinic.run().exit_code == 0


def test_a_local_application_that_does_not_run_is_to_be_started(tmp_path: Path) -> None:
    described = {"stack": "label-loop", "region": "us-east-1", "endpoint": "http://127.0.0.1:9"}
    described["clock"] = Clock().to_env()
    (tmp_path / "stack.json").write_text(json.dumps(described))

    result = CliRunner().invoke(main, ["doctor", "--local", "--data-dir", str(tmp_path)])

    assert result.exit_code == 1 and "make local" in result.stdout


TEMPLATE = ROOT / "template.yaml"


def test_the_parts_are_those_that_the_template_has() -> None:
    kinds = {"rule": "Events::Rule", "schedule": "Scheduler::Schedule"}
    kinds["mapping"] = "Lambda::EventSourceMapping"
    template = TEMPLATE.read_text(encoding="utf-8")

    for part in parts.PARTS:
        assert f"  {part.logical_id}:\n    Type: AWS::{kinds[part.kind]}\n" in template


def test_the_schedules_have_the_names_that_the_template_gives_them() -> None:
    template = TEMPLATE.read_text(encoding="utf-8")

    for kind in workflow_checks.SCHEDULES:
        assert f"Name: !Sub ${{AWS::StackName}}-{kind}\n" in template
