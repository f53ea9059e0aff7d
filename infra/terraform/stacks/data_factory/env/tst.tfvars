git = null
