import pytest
pytestmark = pytest.mark.django_db

def test_seed(site):
    from outcomes.services import cohort
    from django.utils import timezone
    from workflow.selectors.decisions import local_date
    import time
    t=time.time()
    print(cohort.seed(patients=24, seed=1, today=local_date(timezone.now(), site.timezone), sites=[site]), time.time()-t)
    from workflow.models import Pathway, Alert, TaskDue
    for p in Pathway.objects.select_related("patient"): print(p.patient.code, p.phase, p.ready, p.blocked_by, p.planned_on, p.day0)
    print(Alert.objects.values_list("state", flat=True))
    from workflow.selectors import worklist
    from django.db import connection
    from django.test.utils import CaptureQueriesContext
    with CaptureQueriesContext(connection) as c:
        g=worklist.today_groups(now=timezone.now(), today=local_date(timezone.now(), site.timezone))
    print(len(c), [(x.code,x.count,len(x.rows)) for x in g])
    for q in c: print(q["sql"][:3000])
