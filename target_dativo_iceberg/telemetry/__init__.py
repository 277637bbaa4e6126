"""What a run tells the world: one stream of events, from which report, log, metrics, traces and lineage are made.

::

    events      what happens in a run, as frozen values
    feed        hands each event to the report, then to every sink; a sink that fails is left out
    lines       sink: log lines, JSON when asked for
    singer      sink: METRIC lines in the Singer SDK's form
    textfile    sink: a Prometheus textfile of the last run
    otlp        sink: OpenTelemetry metrics and traces (extra `otel`)
    lineage     sink: OpenLineage events (extra `lineage`)
    measures    every metric: its names, unit, labels, and how it follows from a report
    oors        the contract results of a report

At the end of a run all numbers are taken from the report, so that no two sinks disagree. Nothing here sees a record.
"""
