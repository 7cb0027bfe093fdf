Console.WriteLine("ink");
