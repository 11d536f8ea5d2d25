"""The words of the field as frozen dataclasses: no I/O, no arithmetic beyond a property, nothing above this layer."""
