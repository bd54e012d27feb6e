from metal.bmc.ipmi import users


def test_a_password_of_up_to_sixteen_bytes_goes_in_the_form_that_every_bmc_takes():
    assert users.set_password(3, "x" * 16).data == bytes((3, 2)) + b"x" * 16
    assert users.set_password(3, "short").data == bytes((3, 2)) + b"short" + bytes(11)


def test_a_longer_one_in_the_form_of_twenty():
    assert users.set_password(2, "y" * 17).data == bytes((0x82, 2)) + b"y" * 17 + bytes(3)
    assert users.test_password(2, "y" * 20).data == bytes((0x82, 3)) + b"y" * 20


def test_names_and_how_many_there_can_be():
    assert users.get_user_name(4).data == b"\x04"
    assert users.decode_user_name(b"ADMIN" + bytes(11)) == "ADMIN"
    assert users.decode_user_name(b"a\0old-rest-of-it") == "a"
    assert users.decode_user_count(b"\xca\x01") == 10
