"""What AWS needs to run Hearth: two templates, and the program that packages and deploys the controller with them."""
