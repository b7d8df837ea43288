"""One module per DVC stage, named as the stage; run with `python -m stages.NAME`."""
