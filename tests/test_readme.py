"""The README's commands, run in the order they stand, on pictures and a model of the test's own."""

import re
import shlex
from pathlib import Path

import pytest
from conftest import ROOT, TINY, TINY_TEXT
from PIL import Image

from captioner.commands import main
from captioner.config import load
from captioner.scenes.write import write_scenes

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```bash\n(.*?)```", README, flags=re.S)
PYTHON = re.findall(r"```python\n(.*?)```", README, flags=re.S)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.strip()]


@pytest.fixture
def workplace(tmp_path, monkeypatch, tiny_scenes):
    """A folder with a photo, captioned photos, a file of C, and models trained a little."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Image.new("RGB", (90, 60), "orange").save("photo.jpg")
    write_scenes(tmp_path / "drawn", 0, {"train": 30})
    (tmp_path / "my_photos").mkdir()
    lines = ["image,caption"]
    for picture in sorted((tmp_path / "drawn/images/train").glob("*.png")):
        picture.rename(tmp_path / "my_photos" / picture.name)
        lines += [f"{picture.name},a red circle and a blue square", f"{picture.name},two shapes"]
    (tmp_path / "my_photos/captions.csv").write_text("\n".join(lines))
    main("train", ["--task", "caption", *TINY, f"data.folder={tiny_scenes}", "trainer.max_epochs=1"])
    code = [f"if (a[{i}] > {i}) {{\n\tb = {i};\n}} /* note {i} */\n" for i in range(400)]
    (tmp_path / "my_file.c").write_text("".join(code))
    main("train", ["--task", "char-lm", *TINY_TEXT, "data.path=my_file.c", "trainer.max_epochs=1"])
    return tmp_path


def test_the_two_commands_are_targets_of_the_makefile():
    makefile = (ROOT / "Makefile").read_text()
    for target in (line.split()[1] for line in COMMANDS if line.startswith("make ")):
        assert re.search(rf"^{target}:", makefile, flags=re.M), target


def test_every_command_runs_as_printed(workplace, capsys, monkeypatch):
    ran = []
    for line in COMMANDS:
        words = shlex.split(line)
        if words[0] in ("make", "pip") or "~/coco" in line:
            continue
        assert words[0] in ("python", "captioner")
        verb, arguments = Path(words[1]).stem, words[2:]
        assert words[0] == "captioner" or (ROOT / words[1]).is_file()
        small = [change for change in TINY if not change.startswith("data.")] if verb == "train" else []
        if verb == "serve":  # would go on for ever
            monkeypatch.setattr("uvicorn.Server.run", lambda server, sockets: None)
            arguments = ["--port", "0"]
        if "--from" in arguments:  # the model keeps its size
            small = ["trainer.max_epochs=1", "trainer.enable_progress_bar=false", "training.views=null"]
            small += ["training.flip=false"]
        main(verb, [*arguments, *small])
        ran.append(verb)
    assert set(ran) == {"train", "caption", "data", "models", "cells", "sample", "serve"}
    assert Path("attention.png").is_file()
    printed = capsys.readouterr().out
    assert '"image": "my_photos/' in printed
    assert "Model: runs/caption/" in printed


def test_the_python_example_runs_as_printed(workplace, capsys):
    (example,) = [block for block in PYTHON if "captioner.load" in block]
    exec(compile(example, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert re.search(r"-\d+\.\d+ \[.*\] \(\d+, 81\)", printed), "log-probability, words, attention of T x L"


def test_commands_that_need_a_download_are_well_formed():
    """Configs load with the changes as printed, and evaluate's options are known."""
    for line in (line for line in COMMANDS if "~/coco" in line):
        words = shlex.split(line)
        if Path(words[1]).stem == "train":
            config = load(
                ROOT / words[words.index("--config") + 1], [w for w in words if re.match(r"[a-z.]+=", w)]
            )
            assert config.data["folder"] == "~/coco"
        else:
            with pytest.raises(SystemExit) as stopped:
                main(
                    Path(words[1]).stem, [*words[2:], *(["--model", "nowhere"] if "--split" in words else [])]
                )
            assert stopped.value.code == 2


def test_every_recipe_is_listed_and_every_link_leads_somewhere():
    listed = set(re.findall(r"\| (\w+\.yaml) \|", README))
    assert listed == {file.name for file in (ROOT / "configs/recipes").glob("*.yaml")}
    for page in (ROOT / "README.md", *ROOT.glob("docs/*.md")):
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert link.startswith("https:") or (page.parent / link).exists(), link
