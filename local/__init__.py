"""The one-box stack: starts, watches and stops every part of Hearth on one machine; nothing here runs on AWS."""
