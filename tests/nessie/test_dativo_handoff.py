"""The job of the handoff, its endpoints on this machine: Stripe through tap-stripe onto a branch of real Nessie."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dativo_ingest.stack import LocalStack
from examples.nycflights13.on_nessie import attach
from tests.dativo.project import Project
from tests.nessie.jobs import variables
from tests.nessie.lake import catalog_of
from tests.nessie.loopback import serving
from tests.readback import connect
from tests.sources.routed import routed
from tests.sources.stripe_api import KEY, StripeApi, customer, updated
from tests.sources.venvs import tap_venv

pytestmark = [pytest.mark.nessie, pytest.mark.network, pytest.mark.timeout(600), pytest.mark.xdist_group("sources")]
DAY = 86_400
JOB = """
tenant_id: acme
source_connector_path: connectors/sources/stripe.yaml
target_connector_path: connectors/targets/iceberg.yaml
asset_path: assets/stripe/v1.0/customers.yaml

source:
  objects: [customers]
  incremental:
    strategy: created
    cursor_field: created
    lookback_days: 1
  engine:  # routes the real tap to loopback
    options: {executable: "${TAP}"}

target:
  branch: acme-stripe
  warehouse: "${WAREHOUSE}"
  connection:
    nessie:
      uri: "${NESSIE_URI}"
    s3:
      endpoint: "${S3_ENDPOINT}"
      bucket: acme-bucket
      access_key_id: "${AWS_ACCESS_KEY_ID}"
      secret_access_key: "${AWS_SECRET_ACCESS_KEY}"
      region: "${AWS_REGION}"
"""
ASSET = """
$schema: schemas/odcs/dativo-odcs-3.0.2-extended.schema.json
apiVersion: v3.0.2
kind: DataContract
id: 3d0c0f2e-7a55-4a8f-9a3c-1d2f0c9b7a10
name: stripe_customers
version: "1.0"
status: active
domain: payments
dataProduct: stripe
tenant: acme
source_type: stripe
object: customers

schema:
  - name: id
    type: string
    required: true
  - name: email
    type: string
    required: false

team:
  owner: data-team@company.com

data_quality:
  monitoring:
    enabled: true
    oncall_rotation: data-ops@company.com

compliance:
  classification: [PII]
  retention_days: 90
"""


@pytest.fixture
def _payments(stack: LocalStack) -> Iterator[None]:
    """The namespace on main, where an administrator makes it; tests of what main has come after."""
    catalog = catalog_of(stack, "main")
    catalog.create_namespace("payments")
    yield
    catalog.drop_namespace("payments")


@pytest.mark.usefixtures("_payments")
def test_the_job_runs_and_its_second_run_reads_only_the_new(stack: LocalStack, tmp_path: Path) -> None:
    now = int(time.time())
    api = StripeApi([customer(n, now - 35 * DAY + n * 3600) for n in range(30)])
    project = Project(tmp_path)
    job = project.write("jobs/acme/stripe_customers.yaml", JOB)
    project.write("assets/stripe/v1.0/customers.yaml", ASSET)
    project.write("secrets/acme/stripe.env", f"STRIPE_API_KEY={KEY}\n")
    with serving(api.answer) as server:
        command = routed(tap_venv("stripe") / "bin" / "tap-stripe", {"api.stripe.com": server.uri}, tmp_path)
        project.environment |= {"TAP": str(command), "WAREHOUSE": stack.nessie_warehouse} | variables(stack)
        words = ["--secrets-dir", tmp_path / "secrets"]
        first = project.run(job, *words)
        assert first.code == 0, first.err
        api.customers.append(customer(900, now - 60))
        api.customers[7] = customer(7, api.customers[7]["created"], email="new@example.org")
        api.events.append(updated(api.customers[7], now - 30, 1))
        second = project.run(job, *words)
        assert second.code == 0, second.err
    read = [run.json["jobs"][0]["target"]["totals"]["records"] for run in (first, second)]
    assert read == [30, 2]
    state = project.state_of("stripe_customers")
    assert set(state) == {"object_customers", "singer"}
    assert set(state["object_customers"]) == {"cursor", "last_sync"}
    assert state["object_customers"]["cursor"] >= time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(now))
    with connect() as con:
        con.execute("LOAD httpfs")
        attach(con, stack)
        query = 'SELECT id, email FROM lake.payments."stripe_customers@acme-stripe"'
        rows = sorted(con.execute(query).fetchall())
    assert len(rows) == 32
    assert ("cus_00900", "c900@example.org") in rows
    assert [row for row in rows if row[0] == "cus_00007"] == [
        ("cus_00007", "c7@example.org"),
        ("cus_00007", "new@example.org"),
    ]
    assert KEY not in first.err + first.out + second.err + second.out
