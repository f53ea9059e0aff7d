administrators = {
  name      = "sg-landfall-sql-admins-tst"
  object_id = "00000000-0000-0000-0000-000000000000" # of the group in your tenant
}

sku_name                    = "GP_S_Gen5_2"
auto_pause_delay_in_minutes = -1
max_size_gb                 = 32
zone_redundant              = false
backup_redundancy           = "Zone"
backup_retention_days       = 14
long_term_backups           = { weekly = "PT0S", monthly = "PT0S" }
