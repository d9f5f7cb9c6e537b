"""What Dagster is told: every data set is an asset, one job per system, schedules that are on."""

import dagster as dg
import pytest

from domain.common.identifiers import SYSTEMS
from pipelines.dagster.assets import asset_key
from pipelines.dagster.definitions import defs, job_name
from pipelines.datasets import DATASETS, datasets_of


@pytest.fixture(scope="module")
def repository() -> dg.RepositoryDefinition:
    return defs.get_repository_def()


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda dataset: dataset.name)
def test_every_data_set_is_an_asset_that_people_can_find_and_understand(repository, dataset):
    spec = repository.asset_graph.get(asset_key(dataset.name))

    assert spec.group_name == dataset.group
    assert dataset.description in spec.description
    assert spec.owners == [f"team:{dataset.group}"]
    assert spec.kinds == {dataset.system, "postgres"}
    assert spec.pools == {dataset.system}


@pytest.mark.parametrize("system", SYSTEMS)
def test_one_job_per_system_runs_all_of_its_data_sets_in_one_process(repository, system):
    job = repository.get_job(job_name(system))

    assert job.asset_layer.executable_asset_keys == {asset_key(dataset.name) for dataset in datasets_of(system)}
    assert job.executor_def.name == "in_process"


def test_every_job_has_a_schedule_or_a_sensor_and_it_is_on(repository):
    schedules = {schedule.job_name: schedule for schedule in repository.schedule_defs}
    sensors = {sensor.job_name: sensor for sensor in repository.sensor_defs if sensor.job_name.startswith("sweep")}

    assert set(schedules) == {
        *(job_name(system) for system in SYSTEMS),
        "check_freshness",
        "housekeeping",
        "reconcile_nightly",
    }
    assert set(sensors) == {"sweep_commands", "sweep_inbox"}
    assert {schedule.default_status for schedule in schedules.values()} == {dg.DefaultScheduleStatus.RUNNING}
    assert {sensor.default_status for sensor in sensors.values()} == {dg.DefaultSensorStatus.RUNNING}


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda dataset: dataset.name)
def test_every_data_set_has_a_freshness_target_and_a_check_of_it(repository, dataset):
    key = asset_key(dataset.name)

    assert repository.asset_graph.get(key).freshness_policy.fail_window.to_timedelta() == dataset.freshness
    assert dg.AssetCheckKey(key, "fresh") in repository.asset_graph.asset_check_keys


def test_an_asset_depends_only_on_what_it_is_made_from(repository):
    parents = {
        "/".join(key.path): {"/".join(parent.path) for parent in repository.asset_graph.get(key).parent_keys}
        for key in repository.asset_graph.get_all_asset_keys()
    }

    assert {name: made_from for name, made_from in parents.items() if made_from} == {
        "whmcs/client_details": {"whmcs/clients"},
        "whmcs/payment_methods": {"whmcs/clients"},
        "whmcs/invoice_details": {"whmcs/invoices"},
        "freebit/line_details": {"whmcs/services"},
        "freebit/line_usage": {"whmcs/services"},
    }


def test_no_resource_keeps_a_setting_that_the_ui_could_show(repository):
    for name, resource in (defs.resources or {}).items():
        assert resource.__class__.model_fields.keys() == set(), name
