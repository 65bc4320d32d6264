"""What drives a number: estimators on arrays, each with its standard error, and none that knows a case.

* :mod:`~tertius._study.sensitivity.chaos` – first-order, total and Shapley effects from draws that are there already,
  through a sparse polynomial;
* :mod:`~tertius._study.sensitivity.designs` – the same from fresh designs (Saltelli, Jansen; Song, Nelson & Staum);
* :mod:`~tertius._study.sensitivity.screening` – elementary effects (Morris), the cheap first pass;
* :mod:`~tertius._study.sensitivity.information` – what learning an input would be worth.

Estimators for single indices from given draws stand in :mod:`tertius._study.indices`.
"""
