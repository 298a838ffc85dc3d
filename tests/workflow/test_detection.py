from tests.stack import Stack


def test_a(serving_stack: Stack) -> None:
    sure = serving_stack.detect("circle")
    print(serving_stack.wait_for_record(sure, "confident"))
    doubt = serving_stack.detect()
    print(serving_stack.wait_for_record(doubt, "review"))
    r = serving_stack.add_reviewer()
    print(r.review(doubt, "circle"))
    print(serving_stack.wait_for_record(doubt, has="human_label"))
