import stand_in

stand_in.main("auth_edge")
