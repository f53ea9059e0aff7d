"""The local function host: runs an unchanged Azure Functions app with Durable Functions on this machine."""
