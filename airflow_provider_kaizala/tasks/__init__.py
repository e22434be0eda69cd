"""What sensors and ask operators share: begin a wait, look, park it in the triggerer, go on."""
