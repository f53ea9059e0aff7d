lake_replication          = "LRS"
host_replication          = "LRS"
soft_delete_days          = 7
landing_cool_after_days   = 30
landing_delete_after_days = 90
control_delete_after_days = 90
landing_immutable_days    = null
flow_log_days             = 7
