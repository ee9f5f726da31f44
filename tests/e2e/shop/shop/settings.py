"""Settings, out of the environment."""

import os

DATABASE = os.environ["SHOP_DATABASE"]
SWITCHES = int(os.environ["SHOP_SWITCHES"])
PLACE = os.environ["SHOP_PLACE"]
GREEN = "SHOP_GREEN" in os.environ
