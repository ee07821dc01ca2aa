import stand_in

stand_in.main("agent_runner")
