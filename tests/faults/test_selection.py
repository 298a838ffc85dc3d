"""The choice of images for review, when its function dies between two writes."""

from local.launch import wait_for
from tests.faults.conftest import Intake
from tests.faults.places import FAILURES, Kind, all_at_once
from tests.stack import Stack

BUDGET, IMAGES = 4, 10


def test_a_days_budget_is_kept_wherever_the_choice_dies(
    serving_stack: Stack, intake: Intake
) -> None:
    tasks, models = (
        f'"{serving_stack.outputs[name]}"' for name in ("ReviewTasksTable", "ModelVersionsTable")
    )
    record = Kind("SelectReviews", "dynamodb", "UpdateItem")
    write = Kind("SelectReviews", "dynamodb", "PutItem")
    orders = [
        write.order(models, **FAILURES["caller killed before"]),
        write.order(models, after=1, **FAILURES["caller killed after"]),
        record.order(**FAILURES["caller killed before"]),
        record.order(after=2, **FAILURES["caller killed after"]),
        write.order(tasks, **FAILURES["caller killed before"]),
        write.order(tasks, after=1, **FAILURES["caller killed after"]),
    ]
    serving_stack.disable("selection")  # Else it has chosen before its calls fail.
    with serving_stack.review_budget(BUDGET):
        uploads = intake.upload(IMAGES, "selected")
        intake.report(uploads)
        for upload in uploads:
            serving_stack.wait_for_record(upload)
        serving_stack.leap(310)  # The youngest five minutes are left to the next look.

        def asked() -> int:
            return sum(bool(serving_stack.task(upload)) for upload in uploads)

        def spent() -> bool:
            serving_stack.fire("SelectionSchedule")
            assert asked() <= BUDGET
            return asked() == BUDGET

        with all_at_once(serving_stack, orders):
            wait_for(spent, "the day's budget to be spent")

        for _ in range(3):
            serving_stack.select_reviews()
        reviewed = [each for each in uploads if serving_stack.record(each)["outcome"] == "review"]
        assert len(reviewed) == asked() == BUDGET
        day = serving_stack.item("ModelVersionsTable", kind="state", name="review_day")
        assert sum(entry["count"] for entry in day["asked"]) == BUDGET
        for date in ("2999-01-02", "2999-01-03"):
            serving_stack.begin_review_day(date)
            want = min(IMAGES, asked() + BUDGET)

            def reached(count: int = want) -> bool:
                serving_stack.fire("SelectionSchedule")
                return asked() == count

            wait_for(reached, "the budgets of the next days to be spent")
