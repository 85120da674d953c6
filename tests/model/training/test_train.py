"""`train`: the run folder, the log, and what stops a run."""

import json
from itertools import pairwise

import pytest
import torch

from rdmf_model.checkpoints.checkpoint import load_run
from rdmf_model.config.config import TrainConfig
from rdmf_model.training import trainer
from rdmf_model.training.optimizer import build_optimizer
from rdmf_model.training.schedule import epoch_batches, learning_rate_factor, process_rows
from rdmf_model.training.train import train
from rdmf_model.training.trainer import DivergenceError
from rdmf_theory.errors import DataError, ParameterError
from tests.model.tiny_data import tiny_config, write_tiny_data


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_tiny_data(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    """A finished run: its folder and result."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    return folder, train(tiny_config(data, {"train.epochs": 4, "train.tensorboard": True}), folder)


def read_log(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_run_folder_holds_everything(finished):
    folder, result = finished
    names = {path.name for path in folder.iterdir()}
    expected = {"config.json", "data.json", "statistics.json", "log.jsonl", "last.state"}
    expected |= {"best.safetensors", "last.safetensors", "card.md"}
    assert names == expected | {"tensorboard"}
    assert result.epochs == 4
    assert result.parameters > 0
    assert json.loads((folder / "config.json").read_text())["model"]["region"]["clips"] == [10, 16]
    assert any((folder / "tensorboard").iterdir())


def test_a_small_training_set_gets_more_epochs(data, tmp_path):
    # 16 queries in batches of 4: 4 steps an epoch, as the finished run's log says
    result = train(tiny_config(data, {"train.epochs": 1, "train.min_steps": 9}), tmp_path / "run")
    assert result.epochs == 3
    assert [row["step"] for row in read_log(tmp_path / "run")] == [4, 8, 12]
    assert load_run(tmp_path / "run")[1].train.epochs == 3


def test_log_has_one_object_per_epoch(finished):
    folder, result = finished
    rows = read_log(folder)
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert [row["step"] for row in rows] == [4, 8, 12, 16]
    for row in rows:
        assert row["loss"]["loss"] > 0
        assert row["seconds"] > 0
        assert row["margins"]
        assert row["gradient_norm"] > 0
        assert {"MR-full-R1@0.5", "MR-full-mAP", "HL-min-VeryGood-Hit1"} <= row["metrics"].keys()
    best = max(rows, key=lambda row: (row["score"], -row["epoch"]))
    assert (best["epoch"], best["score"]) == (result.best_epoch, result.best_score)
    assert [row["epoch"] for row in rows if row["best"]][-1] == result.best_epoch


def test_a_model_without_regularisation_learns_its_few_queries(data, tmp_path):
    settings = {"model.dropout": 0.0, "model.input_dropout": 0.0, "train.learning_rate": 0.01}
    settings |= {"train.epochs": 15, "train.validate_every": 15, "train.alignment_ridge": None}
    rows = read_log(train(tiny_config(data, settings), tmp_path / "run").run)
    assert rows[-1]["loss"]["loss"] < 0.75 * rows[0]["loss"]["loss"]


def test_checkpoints_say_where_they_come_from(finished):
    folder, result = finished
    _, config, header = load_run(folder)
    assert header["epoch"] == result.best_epoch
    assert header["metrics"] == result.metrics
    assert header["widths"] == {"video": 8, "text": 6}
    # a distribution may leave out the build that torch names, as in 2.13.0+cu130
    assert header["versions"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert config.train.epochs == 4
    assert load_run(folder, which="last")[2]["epoch"] == 4


def test_the_same_seed_gives_the_same_run_and_another_seed_another(data, tmp_path):
    results = [train(tiny_config(data, {"train.seed": seed}), tmp_path / f"{i}") for i, seed in enumerate((5, 5, 6))]
    logs = [[(row["loss"], row["metrics"]) for row in read_log(result.run)] for result in results]
    assert logs[0] == logs[1]
    assert logs[0] != logs[2]


def test_an_existing_folder_is_refused_with_the_remedy(data, finished):
    folder, _ = finished
    before = (folder / "log.jsonl").read_bytes()
    with pytest.raises(ParameterError, match=r"exists\. Add --resume to continue it, or give another --output"):
        train(tiny_config(data), folder)
    assert (folder / "log.jsonl").read_bytes() == before


def test_an_unknown_selection_metric_fails_before_training(data, tmp_path):
    with pytest.raises(ParameterError, match=r"Got 'MR-full-R1@0\.9'\. Known: .*MR-full-mAP"):
        train(tiny_config(data, {"train.selection": ["MR-full-R1@0.9"]}), tmp_path / "run")
    # nothing is left behind, so the mended command can use the folder
    assert not (tmp_path / "run").exists()


def edit_records(path, change):
    records = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(change(index, record)) + "\n" for index, record in enumerate(records)))


@pytest.mark.parametrize(
    ("dropped", "metric", "error", "message"),
    [
        pytest.param(
            lambda i: ["relevant_windows"], "MR-full-mAP", ParameterError, "Known: HL-min-Fair-mAP", id="no-windows"
        ),
        pytest.param(
            lambda i: ["relevant_windows", "relevant_clip_ids", "saliency_scores"],
            "MR-full-mAP",
            DataError,
            "val.jsonl: nothing to evaluate",
            id="unlabelled",
        ),
        pytest.param(lambda i: [], "MR-long-mAP", ParameterError, "Got 'MR-long-mAP'", id="no-window-of-the-length"),
    ],
)
def test_what_cannot_be_validated_fails_before_training(tmp_path, dropped, metric, error, message):
    folder = write_tiny_data(tmp_path / "data")
    edit_records(folder / "val.jsonl", lambda i, record: {key: v for key, v in record.items() if key not in dropped(i)})
    with pytest.raises(error, match=message):
        train(tiny_config(folder, {"train.selection": [metric]}), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_early_stopping_counts_validations_without_progress(data, tmp_path):
    # a learning rate of almost nothing: the first validation stays the best
    result = train(
        tiny_config(data, {"train.epochs": 9, "train.patience": 2, "train.learning_rate": 1e-12}), tmp_path / "run"
    )
    assert (result.epochs, result.best_epoch) == (3, 1)
    assert train(None, tmp_path / "run", resume=True).resumed_finished


def test_validation_every_second_epoch_and_at_the_end(data, tmp_path):
    train(tiny_config(data, {"train.epochs": 3, "train.validate_every": 2}), tmp_path / "run")
    assert ["metrics" in row for row in read_log(tmp_path / "run")] == [False, True, True]


def test_a_diverging_run_stops_and_keeps_the_best_checkpoint(data, tmp_path, monkeypatch):
    from rdmf_model.training import losses

    class Poisoned(losses.MomentLoss):
        calls = 0

        def forward(self, outputs, batch):
            named = super().forward(outputs, batch)
            Poisoned.calls += 1
            return {name: loss * float("nan") if Poisoned.calls == 6 else loss for name, loss in named.items()}

    monkeypatch.setattr(losses, "MomentLoss", Poisoned)
    with pytest.raises(
        DivergenceError, match=r"is nan at step 2 of epoch 2; .*best\.safetensors holds the best weights"
    ):
        train(tiny_config(data), tmp_path / "run")
    assert load_run(tmp_path / "run")[2]["epoch"] == 1


def test_averaged_weights_are_the_ones_saved(data, tmp_path, monkeypatch):
    settings = {"train.epochs": 1, "train.save_steps": 1}
    kept = train(tiny_config(data, {**settings, "train.ema_decay": 0.75}), tmp_path / "averaged").run
    weights = []
    original = trainer.Trainer._save_inside_epoch

    def collect(self):
        weights.append({name: value.clone() for name, value in self.state.model.state_dict().items()})
        original(self)

    monkeypatch.setattr(trainer.Trainer, "_save_inside_epoch", collect)
    train(tiny_config(data, settings), tmp_path / "plain")
    averaged = load_run(kept)[0].state_dict()
    assert len(weights) == 4
    for name, value in averaged.items():
        expected = weights[0][name]
        # the average starts at the weights of the first step
        if value.is_floating_point():
            for step in weights[1:]:
                expected = 0.75 * expected + 0.25 * step[name]
        torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-6, msg=name)


def test_only_matrices_outside_the_design_decay():
    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(2, 2)
            self.norm = torch.nn.LayerNorm(2)
            self.design = torch.nn.Linear(2, 5)

        def design_parameters(self):
            return self.design.parameters()

    model = Model()
    optimizer = build_optimizer(model, TrainConfig(weight_decay=0.3, learning_rate=0.1, design_learning_rate=0.01))
    groups = {group["name"]: group for group in optimizer.param_groups}
    assert groups["matrices"]["params"] == [model.linear.weight]
    assert groups["matrices"]["weight_decay"] == 0.3
    assert groups["vectors"]["weight_decay"] == groups["design"]["weight_decay"] == 0
    assert groups["design"]["params"] == list(model.design.parameters())
    assert groups["design"]["peak"] == 0.01


def test_warm_up_is_linear_and_decay_ends_at_the_final_factor():
    factors = [learning_rate_factor(step, 100, warmup=0.1, final=0.05) for step in range(100)]
    assert factors[:10] == pytest.approx([0.1 * (i + 1) for i in range(10)])
    assert factors[10] == pytest.approx(1.0)
    assert factors[-1] == pytest.approx(0.05)
    assert all(later <= earlier for earlier, later in pairwise(factors[10:]))
    assert learning_rate_factor(0, 1, warmup=0.0, final=0.0) == 1.0


@pytest.mark.parametrize(("size", "batch_size"), [(1, 4), (12, 4), (13, 4)])
def test_an_epoch_visits_every_sample_once(size, batch_size):
    batches = epoch_batches(size, batch_size, seed=1, epoch=2)
    assert sorted(index for batch in batches for index in batch) == list(range(size))
    assert all(len(batch) == batch_size for batch in batches[:-1])
    assert epoch_batches(size, batch_size, seed=1, epoch=2) == batches
    assert size == 1 or epoch_batches(size, batch_size, seed=1, epoch=3) != batches


@pytest.mark.parametrize("size", [1, 2, 5, 8])
@pytest.mark.parametrize("world", [1, 2, 3])
def test_processes_share_a_batch_without_gap_or_overlap(size, world):
    parts = [list(range(size))[process_rows(size, rank, world)] for rank in range(world)]
    assert [row for part in parts for row in part] == list(range(size))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
