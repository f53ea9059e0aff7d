retention_days            = 30
audit_retention_days      = 365
daily_quota_gb            = 2
query_from_internet       = true
alert_emails              = { platform = "data-platform@example.com" }
refused_rows_threshold    = 10000
start_latency_threshold_s = 600
