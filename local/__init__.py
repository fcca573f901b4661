"""The one-box stack: starts, watches and stops every part of Hearth on one machine. None of it runs on AWS."""
