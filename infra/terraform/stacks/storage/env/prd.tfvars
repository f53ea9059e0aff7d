lake_replication          = "GZRS"
host_replication          = "ZRS"
soft_delete_days          = 30
landing_cool_after_days   = 30
landing_delete_after_days = null
control_delete_after_days = 90
landing_immutable_days    = null
flow_log_days             = 90
