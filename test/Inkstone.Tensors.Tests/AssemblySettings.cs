// Devices hold threads and count memory: one test at a time.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
