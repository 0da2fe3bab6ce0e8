"""Programs that make what is published: the docs site, and the packages of a release."""
