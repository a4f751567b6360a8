import numpy as np

from anamorph.portraits.draws import chance, pick, stream, uniform


def test_a_stream_is_the_same_for_the_same_key() -> None:
    assert stream(4, 2).random(5).tolist() == stream(4, 2).random(5).tolist()


def test_person_and_picture_do_not_change_places() -> None:
    assert stream(4, 2).random() != stream(2, 4).random()


def test_a_stream_gives_the_numbers_it_gave_when_the_models_were_trained() -> None:
    assert np.allclose(stream(0).random(3), [0.9579623783, 0.3500279408, 0.0277679542], atol=1e-9)


def test_uniform_numbers_stay_in_their_range() -> None:
    rng = stream(1)
    drawn = [uniform(rng, -2.0, 3.0) for _ in range(200)]
    assert -2.0 <= min(drawn) < -1.5
    assert 2.5 < max(drawn) < 3.0


def test_every_option_is_picked_about_equally_often() -> None:
    rng = stream(2)
    drawn = [pick(rng, "abcd") for _ in range(2000)]
    assert all(400 < drawn.count(letter) < 600 for letter in "abcd")


def test_chance_comes_true_as_often_as_it_says() -> None:
    rng = stream(3)
    assert 240 < sum(chance(rng, 0.3) for _ in range(1000)) < 360
