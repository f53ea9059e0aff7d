mock_provider "azurerm" {}

variables {
  what                = "vault"
  description         = "The vault is ill."
  resource_id         = "vault"
  namespace           = "Microsoft.KeyVault/vaults"
  action_group_id     = "group"
  environment         = "dev"
  resource_group_name = "rg"
  tags                = {}
}

run "any_event_is_an_alert_unless_somebody_says_otherwise" {
  command = plan

  variables {
    alerts = {
      lost = { metric = "DroppedEventCount" }
      slow = { metric = "Latency", aggregation = "Average", threshold = 1000, severity = 3 }
    }
  }

  assert {
    condition     = azurerm_monitor_metric_alert.this["lost"].criteria[0].threshold == 0 && azurerm_monitor_metric_alert.this["lost"].criteria[0].operator == "GreaterThan"
    error_message = "The first event is not an alert."
  }

  assert {
    condition     = azurerm_monitor_metric_alert.this["slow"].name == "ma-vault-slow-dev" && azurerm_monitor_metric_alert.this["slow"].severity == 3
    error_message = "The alert is not what was asked for."
  }
}
