-- A policy of no harm, for the evidence of a platform emulator.

policy "good"

expect { simulated = "allowed" }

rule "the guest asked for the report" (function(e) return e.report.vmpl == 0 end)
