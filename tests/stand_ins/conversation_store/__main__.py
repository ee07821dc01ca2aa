import stand_in

stand_in.main("conversation_store")
