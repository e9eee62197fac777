"""The contract suite on every registered stage. A researcher's family is picked up by itself."""

from __future__ import annotations

import pytest

from talking_portrait_ros.contract import CHECKS
from talking_portrait_ros.pipeline import KINDS

FAMILIES = [(kind, name) for kind, module in KINDS.items() for name in module.names()]

EACH_FRAME_A_STEP = [
    (
        "frames",
        "reference_vae",
        {"down_times": (1, 1, 1), "up_times": (1, 1, 1), "motion_channels": 0},
    ),
    ("latents", "block_rectified_flow", {"frames_per_step": 1}),
]


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda pair: "-".join(pair))
def stage(request):
    kind, name = request.param
    family = KINDS[kind].family(name)
    return family.build(family.tiny, "cpu")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_stage_keeps_the_contract(stage, check):
    check(stage)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize(("kind", "name", "changes"), EACH_FRAME_A_STEP)
def test_stage_keeps_the_contract_where_each_frame_is_a_step(check, kind, name, changes):
    family = KINDS[kind].family(name)
    check(family.build(family.tiny.replace(**changes), "cpu"))


@pytest.mark.parametrize(("kind", "name"), FAMILIES)
def test_config_survives_a_round_trip(kind, name):
    family = KINDS[kind].family(name)
    assert family.config.from_dict(family.tiny.to_dict()) == family.tiny


@pytest.mark.parametrize(("kind", "name"), FAMILIES)
def test_config_refuses_an_unknown_field_by_name(kind, name):
    with pytest.raises(ValueError, match="no_such_field"):
        KINDS[kind].family(name).config.from_dict({"no_such_field": 1})
