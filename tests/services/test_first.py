from datetime import date
from tests.factories.people import PatientFactory
def test_one(site):
    p = PatientFactory(site=site)
    from outcomes.selectors.status import patient_status
    s = patient_status(p.pk)
    import json; print(json.dumps(s, indent=1)[:3000])
    assert s["phase"] == "screening"
