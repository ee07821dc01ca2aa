import stand_in

stand_in.main("task_tools")
