git = null

# Of the app's registration, as in the stack function_app.
landfall_audience = "api://00000000-0000-0000-0000-000000000000"
