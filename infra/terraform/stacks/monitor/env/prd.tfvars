retention_days            = 90
audit_retention_days      = 730
daily_quota_gb            = -1
query_from_internet       = false
alert_emails              = { platform = "data-platform@example.com" }
refused_rows_threshold    = 10000
start_latency_threshold_s = 600
