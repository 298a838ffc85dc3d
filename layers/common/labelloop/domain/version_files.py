"""Where the files of a version are in the bucket."""

from dataclasses import dataclass

TRAINING_FOLDER = "manifests/training/"


@dataclass(frozen=True)
class VersionFiles:
    """Where a version's files are in the bucket."""

    version: str

    @property
    def train_manifest(self) -> str:
        """The images that train."""
        return f"{TRAINING_FOLDER}{self.version}/train.manifest"

    @property
    def test_manifest(self) -> str:
        """The images that test."""
        return f"{TRAINING_FOLDER}{self.version}/test.manifest"

    @property
    def index(self) -> str:
        """Every image with its ETag, content, split and annotation."""
        return f"{TRAINING_FOLDER}{self.version}/index.jsonl"

    @property
    def left_out(self) -> str:
        """Every image that was not used, and why."""
        return f"{TRAINING_FOLDER}{self.version}/left_out.jsonl"

    @property
    def data_report(self) -> str:
        """What the version was made of, in numbers and examples."""
        return f"{TRAINING_FOLDER}{self.version}/data.json"

    @property
    def evaluation_folder(self) -> str:
        """What the service and we found out about it; without a slash at the end."""
        return f"evaluation/{self.version}"

    @property
    def answers(self) -> str:
        """What it said of other versions' test images when it was asked, a line each."""
        return f"{self.evaluation_folder}/answers.jsonl"

    @property
    def doubt(self) -> str:
        """How sure it is of its decisions, by its test results, and what a minimum would cost."""
        return f"{self.evaluation_folder}/doubt.json"

    @property
    def report(self) -> str:
        """The verdict and its reasons."""
        return f"{self.evaluation_folder}/report.json"

    def to_ask(self, champion: str) -> str:
        """The test images that the version which serves is asked about, to be compared with."""
        return f"{self.evaluation_folder}/to_ask_{champion}.jsonl"
