"""What the controller and the worker must spell alike: values, keys and Lua scripts; standard library only."""
