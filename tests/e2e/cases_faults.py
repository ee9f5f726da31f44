"""A real program with planted faults: audit and inventory name all of them and none of the decoys. See faults.py."""

import faults
import tool
from tool import Case, alone


class Faults(Case):

    def shop(self, **more):
        server = more.get("server", "pywsgi")
        why = faults.cannot(server)
        if why:
            self.skipTest(f"{why}; make deps installs it")
        return faults.Shop(self.start, self.place, **more)

    def judge(self, **more):
        shop = self.shop(**more)
        audit, report = faults.look(self.start, tool.Settings.greenwatch, shop, self.place)
        for document in (audit, report):
            tool.expect_valid(document)
        served = shop.served()
        verdict = faults.Verdict(audit, report, shop, green=more.get("green", False))
        text = "\n".join([*verdict.table(False), *verdict.bad])
        self.assertEqual(verdict.bad, [], text)
        self.assertEqual({path for path, (n, errors) in served.items() if n < faults.ROUNDS or errors}, set(), served)
        return verdict

    @alone
    def test_all_faults_of_a_real_program_are_named_and_no_decoy(self):
        verdict = self.judge()
        self.assertGreaterEqual(sum(row[1] == "fault" for row in verdict.rows), 10)
        self.assertGreaterEqual(sum(row[1] == "decoy" for row in verdict.rows), 10)

    @alone
    def test_psycopg2_is_no_fault_where_it_has_a_wait_callback(self):
        self.judge(green=True)

    @alone
    def test_the_faults_are_named_under_gunicorn_too(self):
        self.judge(server="gunicorn")
