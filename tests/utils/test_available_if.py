"""Methods under a condition: there where it holds, AttributeError where not."""

import inspect

import pytest

from scratchnet.utils.available_if import available_if


class Door:
    is_open = True

    @available_if(lambda self: self.is_open)
    def walk_through(self, who, *, quickly=False):
        """Walk through."""
        return who, quickly

    @available_if(lambda self: self.key)
    def lock(self):
        """Lock."""


def test_the_method_is_there_where_the_condition_holds():
    assert Door().walk_through("Ann", quickly=True) == ("Ann", True)
    assert str(inspect.signature(Door().walk_through)) == "(who, *, quickly=False)"
    assert Door().walk_through.__doc__ == Door.walk_through.__doc__ == "Walk through."


def test_elsewhere_looking_it_up_is_an_attribute_error():
    door = Door()
    door.is_open = False
    assert not hasattr(door, "walk_through")
    with pytest.raises(AttributeError, match="This 'Door' has no attribute 'walk_through'"):
        door.walk_through("Ann")


def test_an_attribute_error_of_the_condition_is_the_cause():
    with pytest.raises(AttributeError, match="has no attribute 'lock'") as found:
        Door().lock()
    assert "no attribute 'key'" in str(found.value.__cause__)
