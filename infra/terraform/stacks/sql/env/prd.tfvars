administrators = {
  name      = "sg-landfall-sql-admins-prd"
  object_id = "00000000-0000-0000-0000-000000000000" # of the group in your tenant
}

sku_name                    = "GP_Gen5_4"
auto_pause_delay_in_minutes = -1
max_size_gb                 = 32
zone_redundant              = true
backup_redundancy           = "GeoZone"
backup_retention_days       = 35
long_term_backups           = { weekly = "P5W", monthly = "P12M" }
