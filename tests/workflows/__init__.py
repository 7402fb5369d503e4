"""Tests of the workflows, the image and the deployment of a generated repository."""
