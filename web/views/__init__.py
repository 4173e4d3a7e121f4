"""One blueprint per screen: asks the parts, lets `web.present` arrange, renders a template."""
