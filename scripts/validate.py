"""``make validate``: every check of the template that needs no account.

SAM's own validation, cfn-lint on the template and on its translation (where circles and limits
show), other people's linters (``scripts.linters``), a build with Python 3.13, and a look into what
was built: the template must have no anchors left, which CloudFormation does not know, and the
layers' libraries must be for arm64 (``scripts.vision_layer`` has the eye's layer).
"""

import json
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

from scripts import linters, vision_layer

ROOT = Path(__file__).parent.parent
SAM = ROOT / ".venv-sam/bin/sam"
BUILT = ROOT / ".aws-sam/build"
RUNTIME = "python3.13"
REGION = "us-east-1"
MOST_LAYER_MB = 250


def main() -> None:
    """Run all checks; the first that fails ends the program with its own words."""
    _say(f"sam build, with {_python()}, beside the rest")
    with ThreadPoolExecutor(1) as beside:
        building = beside.submit(_build)
        _look()
        building.result()
    _say("the built template says all of it")
    _check_template()
    _say("the built layer is for arm64")
    _check_layer()
    _say("the eye's layer is for arm64, small, and has all that it needs")
    vision_layer.check(_python(), BUILT / "CommonLayer" / "python", _say)
    _say("all checks passed")


def _look() -> None:
    _say("sam validate --lint")
    _run(str(SAM), "validate", "--lint", "--region", REGION)
    _say("cfn-lint template.yaml")
    _run(_tool("cfn-lint"), "template.yaml")
    _say("cfn-lint on the translated template")
    translated = _translated()
    _lint_translation(translated)
    _say("checkov on the translated template, parliament on its policies")
    _ask_others(translated)
    _say("asl-validator on the state machines")
    linters.check_states(sorted(ROOT.glob("statemachine/*.asl.yaml")))
    _say("check-jsonschema on CI's workflow, pre-commit on its hooks")
    linters.check_developers_files()
    _say("SAM's help knows the commands that the documents show")
    _check_shown_commands()


def _check_shown_commands() -> None:
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]:
        text = page.read_text(encoding="utf-8")
        for command, rest in re.findall(r"^[ &\w]*\bsam (build|deploy|delete)\b(.*)$", text, re.M):
            words = (str(SAM), command, "--help")
            shown = subprocess.run(words, text=True, capture_output=True, check=True).stdout
            for option in re.findall(r"--[a-z-]+", rest.partition("#")[0]):
                if option not in shown:
                    sys.exit(
                        f"{page.name} shows sam {command} {option}, which SAM's help does not."
                    )


def _say(what: str) -> None:
    print(f"validate: {what}", flush=True)  # noqa: T201


def _tool(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def _run(*command: str, env: dict[str, str] | None = None) -> None:
    result = subprocess.run(command, cwd=ROOT, env=env, text=True, capture_output=True, check=False)
    if result.returncode:
        sys.exit(f"{result.stdout}\n{result.stderr}\n{' '.join(command)} failed.")


def _translated() -> dict[str, Any]:
    """The template as CloudFormation gets it, with each state machine's definition in it."""
    logging.getLogger("samtranslator").setLevel(logging.CRITICAL)
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
    template = yaml_parse((ROOT / "template.yaml").read_text())
    definitions = {}
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        for local in ("CodeUri", "ContentUri"):
            if local in properties:
                properties[local] = "s3://bucket/key"
        if "DefinitionUri" in properties:
            definitions[name] = yaml_parse((ROOT / properties["DefinitionUri"]).read_text())
            properties["DefinitionUri"] = "s3://bucket/key"
    defaults = {
        name: parameter["Default"] for name, parameter in template.get("Parameters", {}).items()
    }
    translated: dict[str, Any] = Translator({}, Parser()).translate(template, defaults)
    for name, definition in definitions.items():
        # In the resource itself, so that cfn-lint holds it against the states language's schema.
        properties = translated["Resources"][name]["Properties"]
        del properties["DefinitionS3Location"]
        properties["DefinitionString"] = json.dumps(definition)
    return translated


def _lint_translation(translated: dict[str, Any]) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(translated, file)
        file.flush()
        # W2001, W8001: the translation drops what only SAM's own sections used.
        # W1030, W1031: substitutions stay names until a deployment.
        _run(
            _tool("cfn-lint"),
            "--ignore-checks",
            "W2001",
            "W8001",
            "W1030",
            "W1031",
            "--",
            file.name,
        )


def _ask_others(translated: dict[str, Any]) -> None:
    findings = [*linters.checkov(translated), *linters.parliament(ROOT / "template.yaml")]
    found = linters.complaints(findings, linters.explanations())
    if found:
        mend = f"Mend them, or explain them in {linters.EXPLAINED.relative_to(ROOT)}."
        sys.exit("\n".join([*found, mend]))
    _say(f"{len(findings)} findings, all of them explained")


def _python() -> Path:
    """The interpreter that the functions run on. Says how to get one where there is none."""
    found = shutil.which(RUNTIME)
    candidates = [Path(found)] if found else []
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates += sorted(pyenv.glob("versions/3.13*/bin/python3.13"))
    for candidate in candidates:
        # pyenv's shims fail for versions that are not selected, and Debian's own has no pip.
        works = subprocess.run([candidate, "-c", "import pip"], capture_output=True, check=False)
        if works.returncode == 0:
            return candidate
    sys.exit(
        "sam build needs Python 3.13, the functions' runtime, and found none. Get it from your "
        "system's packages, from python.org, or with pyenv: pyenv install 3.13"
    )


def _build() -> None:
    shutil.rmtree(BUILT, ignore_errors=True)
    path = f"{_python().parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "AWS_DEFAULT_REGION": REGION}
    _run(str(SAM), "build", "--no-cached", env=environment)


def _check_template() -> None:
    text = (BUILT / "template.yaml").read_text(encoding="utf-8")
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        merge = isinstance(event, yaml.ScalarEvent) and event.value == "<<"
        if merge or (isinstance(event, yaml.NodeEvent) and event.anchor):
            sys.exit(f"The built template has an anchor, alias or merge left: {event}")


def _check_layer() -> None:
    layer = BUILT / "CommonLayer" / "python"
    if not (layer / "labelloop" / "errors.py").is_file():
        sys.exit(f"The layer in {layer} has no labelloop package.")
    for source in layer.rglob("*.py"):
        if not list((source.parent / "__pycache__").glob(f"{source.stem}.cpython-313.pyc")):
            sys.exit(f"{source} is not compiled: each cold start would do that anew.")
    libraries = vision_layer.check_libraries(layer)
    size_mb = vision_layer.size_mb(layer)
    if size_mb > MOST_LAYER_MB:
        sys.exit(f"The layer has {size_mb:.0f} MB; Lambda takes {MOST_LAYER_MB}.")
    _say(f"{libraries} compiled libraries, {size_mb:.0f} MB in all")


if __name__ == "__main__":
    main()
