"""Landfall's metrics: every instrument, and the name under which each attribute of theirs is sent."""

from opentelemetry import metrics

_NAME = "landfall"


class Metrics:
    """Landfall's instruments; without an exporter they cost next to nothing."""

    def __init__(self) -> None:
        meter = metrics.get_meter(_NAME)
        self.files = meter.create_counter(
            "landfall.files", "{file}", "Files that landed, by what became of them."
        )
        self.dead_letters = meter.create_counter(
            "landfall.dead_letters",
            "{message}",
            "Messages that are no event of a file, or that nobody could handle.",
        )
        self.runs = meter.create_counter("landfall.runs", "{run}", "Runs that ended, by state.")
        self.nodes = meter.create_counter("landfall.nodes", "{node}", "Node runs that ended, by state.")
        self.retries = meter.create_counter(
            "landfall.retries", "{attempt}", "Attempts after the first, by whose failure the one before was."
        )
        self.rows = meter.create_counter("landfall.rows", "{row}", "Rows read, published and quarantined.")
        self.refused = meter.create_counter(
            "landfall.rows.refused", "{row}", "Rows that a rule did not let pass."
        )
        self.run_duration = meter.create_histogram(
            "landfall.run.duration", "s", "From opening a run to its end."
        )
        self.job_duration = meter.create_histogram(
            "landfall.job.duration", "s", "What the job itself measured."
        )
        self.job_seconds = meter.create_counter(
            "landfall.job.seconds", "s", "From the submission of a job to its end, over all attempts."
        )
        self.job_cost = meter.create_counter(
            "landfall.job.cost",
            "{currency}",
            "Estimate of what jobs cost: their seconds at the price that is set.",
        )
        self.start_latency = meter.create_histogram(
            "landfall.start.latency", "s", "From the landing of a file to the opening of its run."
        )
        self.publish_latency = meter.create_histogram(
            "landfall.publish.latency", "s", "From the landing of a file to the end of its run."
        )
        self.throttled = meter.create_counter(
            "landfall.jobs.throttled",
            "{call}",
            "Calls that the Jobs API refused because there were too many.",
        )
        self.turn_wait = meter.create_histogram(
            "landfall.jobs.wait",
            "s",
            "From the place that a node was given to the submission of its first job.",
        )
        self.dataset_age = meter.create_gauge(
            "landfall.dataset.age", "s", "Age of a dataset whose freshness is promised."
        )
        self.level_met = meter.create_gauge(
            "landfall.service_level.met", "1", "1 where a service level is met, 0 where it is missed."
        )
        self.queue = meter.create_gauge(
            "landfall.queue", "{item}", "Files, requests, nodes and dead letters that wait, by what they are."
        )
        self.alarms = meter.create_gauge("landfall.alarms", "{alarm}", "Alarms that last, by name.")
