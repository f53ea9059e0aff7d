lake_replication          = "ZRS"
host_replication          = "ZRS"
soft_delete_days          = 14
landing_cool_after_days   = 30
landing_delete_after_days = 180
control_delete_after_days = 90
landing_immutable_days    = null
flow_log_days             = 30
