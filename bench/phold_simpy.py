#!/usr/bin/python3
"""PHOLD in SimPy: the work of bench/bench_engine.c, for comparison.

As many events are pending all the time; each that is handled counts itself at its entity and asks
for one more, at a random entity after an exponential time. SimPy 3 and later is measured in both
ways of using it: a callback on a bare timeout (its fastest), and a process that yields timeouts
(its usual). SimPy 2 has processes only.

usage: phold_simpy.py [PENDING [EVENTS]]
"""
import math
import random
import sys
import time

MEAN_S = 1e-3


def timed_run(step, events):
    begin = time.perf_counter()
    for _ in range(events):
        step()
    return events / (time.perf_counter() - begin)


def callbacks(simpy, pending, events):
    env = simpy.Environment()
    handled = [0] * pending
    uniform, log = random.random, math.log

    def ask(entity):
        timeout = env.timeout(-log(1.0 - uniform()) * MEAN_S, entity)
        timeout.callbacks.append(handle)

    def handle(event):
        handled[event.value] += 1
        ask(int(uniform() * pending))

    for entity in range(pending):
        ask(entity)
    rate = timed_run(env.step, events)
    assert sum(handled) == events
    return rate


def processes(simpy, pending, events):
    env = simpy.Environment()
    handled = [0] * pending
    uniform, log = random.random, math.log

    def hop(entity):
        while True:
            yield env.timeout(-log(1.0 - uniform()) * MEAN_S)
            handled[entity] += 1
            entity = int(uniform() * pending)

    for entity in range(pending):
        env.process(hop(entity))
    for _ in range(pending):  # the processes' beginnings are no PHOLD events
        env.step()
    rate = timed_run(env.step, events)
    assert sum(handled) == events
    return rate


def processes_2(pending, events):
    from SimPy.Simulation import Process, Simulation, hold

    sim = Simulation()
    handled = [0] * pending
    uniform, log = random.random, math.log
    left = [events]

    class Hop(Process):
        def go(self, entity):
            while True:
                yield hold, self, -log(1.0 - uniform()) * MEAN_S
                handled[entity] += 1
                left[0] -= 1
                if left[0] == 0:
                    sim.stopSimulation()
                entity = int(uniform() * pending)

    for entity in range(pending):
        hop = Hop(sim=sim)
        sim.activate(hop, hop.go(entity))
    begin = time.perf_counter()
    sim.simulate(until=1e9)
    assert sum(handled) == events
    return (events + pending) / (time.perf_counter() - begin)


def main():
    pending = int(sys.argv[1]) if len(sys.argv) > 1 else 100000
    events = int(sys.argv[2]) if len(sys.argv) > 2 else 1000000
    random.seed(1)
    rates = {}
    try:
        import simpy

        name = "SimPy " + simpy.__version__
        rates["callbacks"] = callbacks(simpy, pending, events)
        rates["processes"] = processes(simpy, pending, events)
    except ImportError:
        try:
            import SimPy

            name = "SimPy " + SimPy.__version__
            rates["processes"] = processes_2(pending, events)
        except ImportError:
            print("SimPy is missing; install the Debian package python3-simpy3 to compare",
                  file=sys.stderr)
            return 1
    for way, rate in rates.items():
        print("%s PHOLD, %s: %.0f events/s (%d pending, %d events)"
              % (name, way, rate, pending, events))
    return 0


sys.exit(main())
